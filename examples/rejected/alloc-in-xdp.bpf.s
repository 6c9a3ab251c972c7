# Pages are allocated where a program may sleep; a program that sees packets may not.
# expect: EACCES program must be sleepable to call sleepable kfunc bpf_arena_alloc_pages

.map    arena  type=arena entries=16 extra=0x100000010000
.license "GPL"

.program main type=xdp
    r1 = arena ll
    r2 = 0
    w3 = 1
    w4 = -1
    r5 = 0
    call bpf_arena_alloc_pages
    r0 = 2
    exit
