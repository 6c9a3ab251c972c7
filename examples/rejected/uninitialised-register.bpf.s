# A register must be written before it is read.
# expect: EACCES R2 !read_ok

.license "GPL"

.program main type=syscall
    r0 = r2
    exit
