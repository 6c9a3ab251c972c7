# A list in an arena, of a length that nobody knows.
.map arena type=arena entries=100 extra=0x100000010000
.struct item
    next: ptr item arena
    value: u64
.end
.global head: ptr item arena
.program walk type=syscall
    r1 = arena ll
    r1 = head ll
    r1 = *(u64 *)(r1 + 0)
    r0 = 0
next:
    if r1 == 0 goto out
    may_goto out
    r1 = addr_space_cast(r1, 0, 1)
    r2 = *(u64 *)(r1 + item.value)
    r0 += r2
    r1 = *(u64 *)(r1 + item.next)
    goto next
out:
    exit
