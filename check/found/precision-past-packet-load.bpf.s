# A packet load that fails leaves its function. Looking back for what r3 came from, Linux takes the function's stack for
# the main program's, and finds an error of its own. harena refuses by name to look back past such a load.
# linux: EFAULT verifier bug: static subprog leftover stack slots 4
# cpus: 2
.license "GPL"
.program main type=socket
    r3 = *(u32 *)(r1 + 0)
    *(u64 *)(r10 - 24) = r3
    *(u64 *)(r10 - 16) = 0
    call f
    r3 = *(u64 *)(r10 - 24)
    r3 &= 7
    r2 = r10
    r2 += -16
    r2 += r3
    *(u8 *)(r2 + 0) = 1
    r0 = 0
    exit
.func f(a: ctx)
    r6 = r1
    r0 = *(u8 *)skb[60000]
    r0 = 0
    exit
