# An arena without SEGV_ON_FAULT: what user space touches is allocated there and then, and BPF sees it.

.map    arena  type=arena entries=16 extra=0x100000030000
.global where: u64                       # a user address
.global seen: u64
.global taken: u64
.license "GPL"

# Reads the word at `where`.
.program look type=syscall
    r1 = arena ll                        # a program that casts must refer to its arena
    r1 = where ll
    r1 = *(u64 *)(r1 + 0)
    r1 = addr_space_cast(r1, 0, 1)
    r2 = *(u64 *)(r1 + 0)
    r1 = seen ll
    *(u64 *)(r1 + 0) = r2
    r0 = 0
    exit

# Asks for the page at `where`, and no other.
.program claim type=syscall
    r1 = where ll
    r2 = *(u64 *)(r1 + 0)
    r1 = arena ll
    w3 = 1
    w4 = -1
    r5 = 0
    call bpf_arena_alloc_pages
    r1 = taken ll
    *(u64 *)(r1 + 0) = r0
    r0 = 0
    exit
