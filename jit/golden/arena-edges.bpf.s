# What the page table does not answer for: far and negative offsets, unaligned addresses.
.map arena type=arena entries=100 extra=0x100000010000
.global base: u64
.program edges type=syscall
    r1 = arena ll
    r1 = base ll
    r1 = *(u64 *)(r1 + 0)
    r1 = addr_space_cast(r1, 0, 1)
    r2 = *(u32 *)(r1 + 6)
    r3 = *(s16 *)(r1 - 2)
    *(u64 *)(r1 + 8000) = r2
    *(u8 *)(r1 - 1) = 5
    r0 = addr_space_cast(r1, 1, 0)
    exit
