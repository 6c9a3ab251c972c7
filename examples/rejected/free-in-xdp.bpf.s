# Pages are freed where a program may sleep, too.
# expect: EACCES program must be sleepable to call sleepable kfunc bpf_arena_free_pages

.map    arena  type=arena entries=16 extra=0x100000010000
.license "GPL"

.program main type=xdp
    r1 = arena ll
    r2 = 0
    w3 = 1
    call bpf_arena_free_pages
    r0 = 2
    exit
