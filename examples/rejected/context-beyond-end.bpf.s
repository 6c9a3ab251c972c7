# The context of a syscall program is read at a multiple of the width.
# expect: EACCES invalid bpf_context access off=2 size=4

.license "GPL"

.program main type=syscall
    r0 = *(u32 *)(r1 + 2)
    exit
