# The source of a cast must hold something.
# expect: EACCES R3 !read_ok

.map    arena  type=arena entries=16 extra=0x100000010000
.license "GPL"

.program main type=syscall
    r1 = arena ll
    r2 = addr_space_cast(r3, 0, 1)
    r0 = 0
    exit
