# Byte order, sign extension, narrow moves.
.program bytes type=syscall
    r0 = *(s8 *)(r1 + 3)
    r2 = *(s32 *)(r1 + 4)
    r3 = *(u16 *)(r1 + 8)
    r3 = be16 r3
    r2 = bswap64 r2
    r0 = (s8)r0
    w2 = (s16)w3
    r3 = (s32)r2
    r0 += r3
    r0 = le32 r0
    exit
