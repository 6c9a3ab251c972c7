# Stores to an arena: one test of the page table for two of them.
.map arena type=arena entries=100 extra=0x100000010000
.global head: u64
.program build type=syscall
    r1 = arena ll
    r2 = 0
    w3 = 1
    w4 = -1
    r5 = 0
    call bpf_arena_alloc_pages
    r6 = r0
    r7 = 100
    r8 = 0
next:
    r1 = addr_space_cast(r6, 0, 1)
    *(u64 *)(r1 + 0) = r8
    *(u64 *)(r1 + 8) = r7
    r8 = r6
    r6 += 16
    r7 += -1
    if r7 != 0 goto next
    r1 = head ll
    *(u64 *)(r1 + 0) = r8
    r0 = 0
    exit
