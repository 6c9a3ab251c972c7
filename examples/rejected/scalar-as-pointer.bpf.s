# A number is no address.
# expect: EACCES R1 invalid mem access 'scalar'

.license "GPL"

.program main type=syscall
    r1 = 4096
    r0 = *(u64 *)(r1 + 0)
    exit
