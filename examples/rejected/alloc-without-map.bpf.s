# The first argument of the arena kfuncs is the map.
# expect: EACCES Possibly NULL pointer passed to trusted arg0

.map    arena  type=arena entries=16 extra=0x100000010000
.license "GPL"

.program main type=syscall
    r1 = arena ll
    r1 = 0
    r2 = 0
    w3 = 1
    w4 = -1
    r5 = 0
    call bpf_arena_alloc_pages
    r0 = 0
    exit
