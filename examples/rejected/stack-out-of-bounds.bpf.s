# The frame has 512 bytes.
# expect: EACCES invalid write to stack R10 off=-520 size=8

.license "GPL"

.program main type=syscall
    r0 = 0
    *(u64 *)(r10 - 520) = r0
    exit
