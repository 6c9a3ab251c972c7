# A 32-bit compare-and-exchange in an arena that finds what it expects leaves the upper half of r0, though the verifier
# takes it for 0 and r0 >> 32 with it. Linux has this hole (x86-64), and harena keeps to it (docs/parity.md).
# linux: accepted
# cpus: 2
# run: ctx=0600000001000000
# run: ctx=0500000001000000
# result: retval=0x0 ctx=0600000001000000
# result: retval=0x0 ctx=0500000001000000
# result: arena: page 0=05 page 1=07
# result: .bss: 00000000=01
.map arena type=arena entries=4 flags=mmapable extra=0x100000010000
.global high: u64
.program main type=syscall
    r6 = *(u64 *)(r1 + 0)
    r1 = arena ll
    r2 = 0
    w3 = 1
    w4 = -1
    r5 = 0
    call bpf_arena_alloc_pages
    if r0 == 0 goto l1
    r1 = addr_space_cast(r0, 0, 1)
    *(u32 *)(r1 + 0) = 5
    r2 = 7
    r0 = r6
    w0 = cmpxchg32_32(r1 + 0, w0, w2)
    r0 >>= 32
    r1 = high ll
    *(u64 *)(r1 + 0) = r0
l1:
    r0 = 0
    exit
