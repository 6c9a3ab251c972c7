# 64 bits cannot be shifted by 64.
# expect: EINVAL invalid shift 64

.license "GPL"

.program main type=syscall
    r0 = 1
    r0 <<= 64
    exit
