# A hash table with chains in an arena: 512 buckets in one page, entries cut from others. BPF inserts and looks up; user
# space reads the same table without a system call.
#
#   table --> | bucket 0 | bucket 1 | ... | bucket 511 |       each bucket: the user address of a chain
#                  |
#                  v
#               entry --> entry --> 0                           each entry: next, key, value

.map    arena  type=arena entries=1000 extra=0x200000010000
.struct entry
    next:  ptr entry arena
    key:   u64
    value: u64
.end
.struct request                          # the context: what the caller asks for
    key:   u64
    value: u64
.end
.global table: u64                       # user address of the buckets, 0 before the first insertion
.global entries: u64
.global cursor: u64
.global limit: u64
.license "GPL"

# Inserts or replaces key -> value of the context. Returns 0; 1 when the arena is full.
.program insert type=syscall
    r6 = *(u64 *)(r1 + request.key)
    r7 = *(u64 *)(r1 + request.value)
    r1 = table ll
    r1 = *(u64 *)(r1 + 0)
    if r1 != 0 goto ready
    w1 = 1
    call alloc_pages
    if r0 == 0 goto full
    r1 = table ll
    *(u64 *)(r1 + 0) = r0
ready:
    r1 = r6
    call bucket_of
    r8 = r0                              # the bucket: an arena pointer survives a call
    r9 = *(u64 *)(r8 + 0)                # the chain, as user addresses
search:
    if r9 == 0 goto new
    may_goto new
    r1 = addr_space_cast(r9, 0, 1)
    r2 = *(u64 *)(r1 + entry.key)
    if r2 == r6 goto replace
    r9 = *(u64 *)(r1 + entry.next)
    goto search
replace:
    *(u64 *)(r1 + entry.value) = r7
    r0 = 0
    exit
new:
    call alloc_entry
    if r0 == 0 goto full
    r1 = addr_space_cast(r0, 0, 1)
    *(u64 *)(r1 + entry.key) = r6
    *(u64 *)(r1 + entry.value) = r7
    r2 = *(u64 *)(r8 + 0)
    *(u64 *)(r1 + entry.next) = r2
    *(u64 *)(r8 + 0) = r0
    r1 = entries ll
    r2 = 1
    lock *(u64 *)(r1 + 0) += r2
    r0 = 0
    exit
full:
    r0 = 1
    exit

# Looks the context's key up and writes its value there. Returns 0; 2 when there is none.
.program lookup type=syscall
    r7 = r1
    r2 = arena ll                        # a program that casts must refer to its arena
    r6 = *(u64 *)(r1 + request.key)
    r1 = table ll
    r1 = *(u64 *)(r1 + 0)
    if r1 == 0 goto absent
    r1 = r6
    call bucket_of
    r9 = *(u64 *)(r0 + 0)
search:
    if r9 == 0 goto absent
    may_goto absent
    r1 = addr_space_cast(r9, 0, 1)
    r2 = *(u64 *)(r1 + entry.key)
    if r2 == r6 goto found
    r9 = *(u64 *)(r1 + entry.next)
    goto search
found:
    r2 = *(u64 *)(r1 + entry.value)
    *(u64 *)(r7 + request.value) = r2
    r0 = 0
    exit
absent:
    r0 = 2
    exit

# r1: a key. Gives a pointer to its bucket, which BPF may follow. The user-space side computes the same hash.
.func bucket_of
    r2 = 0x9e3779b97f4a7c15 ll
    r1 *= r2
    r1 >>= 55                            # 9 bits: 512 buckets
    r1 <<= 3
    r2 = table ll
    r2 = *(u64 *)(r2 + 0)
    r0 = addr_space_cast(r2, 0, 1)
    r0 += r1
    exit

# w1: how many. Gives the user address of as many fresh pages, or 0.
.func alloc_pages
    w3 = w1
    r1 = arena ll
    r2 = 0
    w4 = -1
    r5 = 0
    call bpf_arena_alloc_pages
    exit

# Gives the user address of room for one entry, or 0.
.func alloc_entry
    r1 = cursor ll
    r0 = *(u64 *)(r1 + 0)
    r2 = limit ll
    r2 = *(u64 *)(r2 + 0)
    r3 = r0
    r3 += entry.size
    if r3 <= r2 goto take                # false at first: both are 0
    w1 = 1
    call alloc_pages
    if r0 == 0 goto out
    r1 = limit ll
    r2 = r0
    r2 += 4096
    *(u64 *)(r1 + 0) = r2
take:
    r1 = cursor ll
    r2 = r0
    r2 += entry.size
    *(u64 *)(r1 + 0) = r2
out:
    exit
