# A private heap: with NO_USER_CONV a cast to the user's side keeps the low 32 bits only, so links take four bytes and
# mean the same wherever the arena is mapped. User space adds the upper half of the window's address itself.

.map    arena  type=arena entries=16 flags=mmapable|no_user_conv extra=0x100000040000
.struct cell
    next:  u32                           # low half of the next cell's address, 0 at the end
    value: u32
.end
.global head: u32
.global pages: u64                       # what the allocator returned: a full user address
.license "GPL"

.program build type=syscall
    r1 = arena ll
    r2 = 0
    w3 = 1
    w4 = -1
    r5 = 0
    call bpf_arena_alloc_pages
    if r0 == 0 goto full
    r1 = pages ll
    *(u64 *)(r1 + 0) = r0
    r6 = addr_space_cast(r0, 0, 1)
    r7 = 0
    w8 = 0                               # the last cell made
next:
    if r7 >= 100 goto done
    may_goto done
    *(u32 *)(r6 + cell.value) = r7
    *(u32 *)(r6 + cell.next) = r8
    r8 = addr_space_cast(r6, 1, 0)       # 32 bits, thanks to the flag
    r6 += cell.size
    r7 += 1
    goto next
done:
    r1 = head ll
    *(u32 *)(r1 + 0) = r8
    r0 = 0
    exit
full:
    r0 = 1
    exit
