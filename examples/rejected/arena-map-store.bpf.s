# The map object itself is read only.
# expect: EACCES only read from bpf_arena is supported

.map    arena  type=arena entries=16 extra=0x100000010000
.license "GPL"

.program main type=syscall
    r1 = arena ll
    r2 = 0
    *(u64 *)(r1 + 0) = r2
    r0 = 0
    exit
