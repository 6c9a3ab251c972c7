# LD_ABS and LD_IND leave the function where the packet ends.
.program loads type=socket
    r6 = r1
    r7 = 4
    r0 = *(u16 *)skb[12]
    r8 = r0
    r0 = *(u8 *)skb[r7]
    r0 += r8
    exit
