# Atomics on an arena and on kernel memory.
.map arena type=arena entries=100 extra=0x100000010000
.global base: u64
.global counter: u64
.program atomics type=syscall
    r1 = arena ll
    r6 = counter ll
    r1 = base ll
    r1 = *(u64 *)(r1 + 0)
    r1 = addr_space_cast(r1, 0, 1)
    r2 = 3
    lock *(u64 *)(r1 + 0) += r2
    r2 = atomic_fetch_or((u64 *)(r6 + 0), r2)
    w3 = 9
    w3 = xchg32_32(r6 + 0, w3)
    r0 = r2
    r4 = 1
    lock *(u32 *)(r1 + 4) ^= r4
    r0 = cmpxchg_64(r6 + 0, r0, r4)
    r5 = load_acquire((u64 *)(r1 + 0))
    store_release((u64 *)(r6 + 0), r5)
    exit
