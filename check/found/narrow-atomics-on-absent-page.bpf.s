# Found by state checking: on an absent page a narrow atomic leaves its register as it was, all 64 bits of it, though the
# verifier takes it to be 32 bits wide. Linux has this hole, and harena keeps to it (docs/parity.md).
# linux: accepted
# cpus: 2
# run: ctx=
# result: retval=0x0
# result: arena: nothing
# result: .bss: 00000000=050000007856341278563412000000000500000078563412
.map arena type=arena entries=4 flags=mmapable extra=0x100000010000
.global a: u64
.global b: u64
.global c: u64
.program main type=syscall
    r1 = arena ll
    r6 = 0x100000011000 ll
    r6 = addr_space_cast(r6, 0, 1)
    r2 = 0x1234567800000005 ll
    w2 = xchg32_32(r6 + 0, w2)
    r1 = a ll
    *(u64 *)(r1 + 0) = r2
    r2 = 0x1234567800000005 ll
    w2 = atomic_fetch_add((u32 *)(r6 + 0), w2)
    r2 >>= 32
    r1 = b ll
    *(u64 *)(r1 + 0) = r2
    r0 = 0x1234567800000005 ll
    r2 = 7
    w0 = cmpxchg32_32(r6 + 0, w0, w2)
    r1 = c ll
    *(u64 *)(r1 + 0) = r0
    r0 = 0
    exit
