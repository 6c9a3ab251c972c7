# bpf_arena_free_pages gives nothing back.
# expect: EACCES R0 !read_ok

.map    arena  type=arena entries=16 extra=0x100000010000
.license "GPL"

.program main type=syscall
    r1 = arena ll
    r2 = 0
    w3 = 1
    call bpf_arena_free_pages
    exit
