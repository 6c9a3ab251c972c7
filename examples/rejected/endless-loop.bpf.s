# A loop whose state does not change.
# expect: EINVAL infinite loop detected at insn 1

.license "GPL"

.program main type=syscall
    call bpf_get_prandom_u32
again:
    if r0 != 0 goto again                # mend: a counter, or may_goto
    exit
