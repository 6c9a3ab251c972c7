# An arena that user space may only touch where BPF has allocated: anything else is a segmentation fault.

.map    arena  type=arena entries=16 flags=mmapable|segv_on_fault extra=0x100000020000
.global page: u64
.license "GPL"

.program take type=syscall
    r1 = arena ll
    r2 = 0
    w3 = 1
    w4 = -1
    r5 = 0
    call bpf_arena_alloc_pages
    r1 = page ll
    *(u64 *)(r1 + 0) = r0
    if r0 == 0 goto full
    r1 = addr_space_cast(r0, 0, 1)
    *(u64 *)(r1 + 0) = 42
    r0 = 0
    exit
full:
    r0 = 1
    exit

.program drop type=syscall
    r1 = page ll
    r2 = *(u64 *)(r1 + 0)
    r1 = arena ll
    w3 = 1
    call bpf_arena_free_pages
    r0 = 0
    exit
