# A linked list in an arena. BPF builds it from pages that it allocates; user space walks it by following the same
# pointers, adds items of its own, and BPF sums them all.
#
#   head --> item --> item --> ... --> 0        each item: next (a user address), value

.map    arena  type=arena entries=100 extra=0x100000010000
.struct item
    next:  ptr item arena
    value: u64
.end
.global head: ptr item arena
.global count: u64 = 1000
.global total: u64
.global cursor: u64                      # where the next item goes: a user address
.global limit: u64                       # end of the page it lies in
.license "GPL"

# Pushes `count` items with the values 0, 1, 2, ... Returns 1 when the arena is full, else 0.
.program build type=syscall
    r1 = count ll
    r6 = *(u64 *)(r1 + 0)
    r7 = 0
next:
    if r7 >= r6 goto done
    may_goto done                        # the verifier's proof that this ends
    call alloc_item
    if r0 == 0 goto full
    r1 = addr_space_cast(r0, 0, 1)       # from the address that user space knows to one that BPF may follow
    *(u64 *)(r1 + item.value) = r7
    r2 = head ll
    r3 = *(u64 *)(r2 + 0)
    *(u64 *)(r1 + item.next) = r3
    *(u64 *)(r2 + 0) = r0                # what is stored is the user address
    r7 += 1
    goto next
done:
    r0 = 0
    exit
full:
    r0 = 1
    exit

# Gives room for one item: its user address, or 0. Takes a page at a time and cuts it up.
.func alloc_item
    r1 = cursor ll
    r0 = *(u64 *)(r1 + 0)
    r2 = limit ll
    r2 = *(u64 *)(r2 + 0)
    if r0 != r2 goto take
    r1 = arena ll
    r2 = 0                               # anywhere
    w3 = 1                               # one page
    w4 = -1                              # from any memory node
    r5 = 0                               # no flags
    call bpf_arena_alloc_pages
    if r0 == 0 goto out
    r1 = limit ll
    r2 = r0
    r2 += 4096
    *(u64 *)(r1 + 0) = r2
take:
    r1 = cursor ll
    r2 = r0
    r2 += item.size
    *(u64 *)(r1 + 0) = r2
out:
    exit

# Sums the values of all items into `total`.
.program sum type=syscall
    r1 = arena ll                        # a program that casts must refer to its arena
    r6 = 0
    r1 = head ll
    r1 = *(u64 *)(r1 + 0)
walk:
    if r1 == 0 goto end
    may_goto end
    r2 = addr_space_cast(r1, 0, 1)
    r3 = *(u64 *)(r2 + item.value)
    r6 += r3
    r1 = *(u64 *)(r2 + item.next)
    goto walk
end:
    r1 = total ll
    *(u64 *)(r1 + 0) = r6
    r0 = 0
    exit
