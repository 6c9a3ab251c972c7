# Found by state checking: a sign-extending fill counts as a copy of what was spilled, so that a branch on one refines the
# other wrongly; the verifier holds r0 for -1 where 0 comes out. Linux has this hole, and harena keeps to it.
# linux: accepted
# cpus: 2
# run: ctx=f6ffffff
# run: ctx=05000000
# result: retval=0x0 ctx=f6ffffff
# result: retval=0x1 ctx=05000000
# result: .bss: 00000000=0
.global out: u64
.program main type=syscall
    r0 = *(u32 *)(r1 + 0)
    *(u64 *)(r10 - 8) = r0
    r3 = *(s32 *)(r10 - 8)
    if r3 s>= -5 goto l1
    r0 = *(u64 *)(r10 - 8)
    r0 s>>= 32
    r1 = out ll
    *(u64 *)(r1 + 0) = r0
    r0 = 0
    exit
l1:
    r0 = 1
    exit
