# The address that bpf_arena_alloc_pages returns is a number until it is cast.
# expect: EACCES R0 invalid mem access 'scalar'

.map    arena  type=arena entries=16 extra=0x100000010000
.license "GPL"

.program main type=syscall
    r1 = arena ll
    r2 = 0
    w3 = 1
    w4 = -1
    r5 = 0
    call bpf_arena_alloc_pages
    if r0 == 0 goto out
    r1 = *(u64 *)(r0 + 0)                # mend: r0 = addr_space_cast(r0, 0, 1)
out:
    r0 = 0
    exit
