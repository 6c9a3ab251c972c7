# Found by state checking: 64-bit arithmetic that has an arena pointer on one path is computed in 32 bits on every path,
# though where numbers come to it the verifier takes them for added in 64: it holds r7 >> 32 for 0x12345678. Linux has
# this hole, and harena keeps to it (docs/parity.md).
# linux: accepted
# cpus: 2
# run: ctx=01000000
# run: ctx=00000000
# result: retval=0x0 ctx=01000000
# result: retval=0x0 ctx=00000000
# result: arena: nothing
# result: .bss: 00000000=050000000000000005
.map arena type=arena entries=4 flags=mmapable extra=0x100000010000
.global sum: u64
.global high: u64
.program main type=syscall
    r6 = *(u32 *)(r1 + 0)
    r2 = arena ll
    r7 = 0
    r8 = 0x1234567800000005 ll
    if r6 == 0 goto l1
    r7 = 0x100000011000 ll
    r7 = addr_space_cast(r7, 0, 1)
l1:
    r7 += r8
    r1 = sum ll
    *(u64 *)(r1 + 0) = r7
    r7 >>= 32
    r1 = high ll
    *(u64 *)(r1 + 0) = r7
    r0 = 0
    exit
