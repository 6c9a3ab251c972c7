# r10 is read only.
# expect: EACCES frame pointer is read only

.license "GPL"

.program main type=syscall
    r10 = 0
    r0 = 0
    exit
