# Nothing above the frame pointer belongs to the program.
# expect: EACCES invalid read from stack R10 off=8 size=8

.license "GPL"

.program main type=syscall
    r0 = *(u64 *)(r10 + 8)
    exit
