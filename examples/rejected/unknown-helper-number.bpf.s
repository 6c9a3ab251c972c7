# There is no helper with this number.
# expect: EINVAL invalid func unknown#9999

.license "GPL"

.program main type=syscall
    call 9999
    r0 = 0
    exit
