# One atomic that meets an arena pointer on one path and a stack pointer on the other: Linux compiles it for the arena.
# linux: accepted
# cpus: 2
.map arena type=arena entries=16 flags=mmapable extra=0x100000010000
.program main type=syscall
    r1 = arena ll
    call bpf_get_prandom_u32
    r2 = 0
    r2 = addr_space_cast(r2, 0, 1)
    r3 = 0
    *(u64 *)(r10 - 8) = r3
    if r0 == 0 goto use
    r2 = r10
    r2 += -8
use:
    r3 = 1
    lock *(u64 *)(r2 + 0) += r3
    r0 = 0
    exit
