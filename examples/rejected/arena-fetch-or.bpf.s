# The x86-64 JIT has no fetching or, and, xor on arena memory; without fetching they work.
# expect: EACCES BPF_ATOMIC stores into R2 arena is not allowed

.map    arena  type=arena entries=16 extra=0x100000010000
.license "GPL"

.program main type=syscall
    r1 = arena ll
    r2 = 0
    r2 = addr_space_cast(r2, 0, 1)
    r3 = 1
    r3 = atomic_fetch_or((u64 *)(r2 + 0), r3)
    r0 = 0
    exit
