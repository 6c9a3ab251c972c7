# An instruction that follows an arena pointer on one path may not follow another pointer on the next.
# expect: EINVAL same insn cannot be used with different pointers

.map    arena  type=arena entries=16 extra=0x100000010000
.license "GPL"

.program main type=syscall
    r6 = r1
    r1 = arena ll
    call bpf_get_prandom_u32
    r2 = 0
    r2 = addr_space_cast(r2, 0, 1)
    if r0 == 0 goto use
    r2 = r10
    r2 += -8
    r3 = 0
    *(u64 *)(r10 - 8) = r3
use:
    r0 = *(u64 *)(r2 + 0)
    exit
