# The program returns r0, which nobody set.
# expect: EACCES R0 !read_ok

.license "GPL"

.program main type=syscall
    exit
