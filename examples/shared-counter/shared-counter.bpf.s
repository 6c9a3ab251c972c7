# One word that both sides count on with atomic additions.

.map    arena  type=arena entries=1 extra=0x100000050000
.global counter: u64                     # its user address
.license "GPL"

.program create type=syscall
    r1 = arena ll
    r2 = 0
    w3 = 1
    w4 = -1
    r5 = 0
    call bpf_arena_alloc_pages
    r1 = counter ll
    *(u64 *)(r1 + 0) = r0
    r0 = 0
    exit

# Adds 1; returns the low half of what was there before.
.program count type=syscall
    r1 = arena ll                        # a program that casts must refer to its arena
    r1 = counter ll
    r1 = *(u64 *)(r1 + 0)
    r1 = addr_space_cast(r1, 0, 1)
    r0 = 1
    r0 = atomic_fetch_add((u64 *)(r1 + 0), r0)
    exit
