# A counter that no comparison bounds: the walk gives up after a million instructions.
# expect: E2BIG BPF program is too large. Processed 1000001 insn

.license "GPL"

.program main type=syscall
    r0 = 0
again:
    r0 += 1
    goto again
