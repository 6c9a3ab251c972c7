# The trap: in an arena whose base is a multiple of 4 GiB, the first object has an address whose low half is 0, and a
# cast to the user's side turns it into NULL. On Linux too: the cast looks at the low half alone.

.map    arena  type=arena entries=16 extra=0x100000000000
.global page: u64                        # as the allocator returned it
.global cast: u64                        # after a cast there and back
.license "GPL"

# Takes a page, then casts its address to the BPF side and back.
.program trap type=syscall
    call take
    r0 = 0
    exit

# The way round, where the base cannot be another: keep page 0 out of use.
.program careful type=syscall
    r1 = arena ll
    r2 = 0x100000000000 ll               # page 0 by its address
    w3 = 1
    call bpf_arena_reserve_pages
    r6 = r0
    call take
    r0 = r6
    exit

# Gives the page back.
.program drop type=syscall
    r1 = page ll
    r2 = *(u64 *)(r1 + 0)
    r1 = arena ll
    w3 = 1
    call bpf_arena_free_pages
    r0 = 0
    exit

.func take
    r1 = arena ll
    r2 = 0
    w3 = 1
    w4 = -1
    r5 = 0
    call bpf_arena_alloc_pages
    r1 = page ll
    *(u64 *)(r1 + 0) = r0
    r1 = addr_space_cast(r0, 0, 1)
    r1 = addr_space_cast(r1, 1, 0)
    r2 = cast ll
    *(u64 *)(r2 + 0) = r1
    r0 = 0
    exit
