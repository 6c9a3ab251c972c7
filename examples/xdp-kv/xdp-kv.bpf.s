# A key-value store that answers from the driver: user space keeps a hash table in an arena, an XDP program looks a
# packet's key up in it and turns the packet round. Only misses reach user space.
#
#   table --> | bucket 0 | ... | bucket 511 |      each bucket: the user address of a chain, as user space wrote it
#                  |
#                  v
#               entry --> entry --> 0                each entry: next, key, value
#
# A request is an Ethernet frame of type 0x88b5 (for experiments) with struct message behind its 14 bytes of header; the
# answer is the same frame with value and status filled in, sent back to where it came from.

.map    arena  type=arena entries=64 flags=mmapable extra=0x300000010000
.struct entry
    next:  ptr entry arena
    key:   u64
    value: u64
.end
.struct message                          # at byte 14 of the packet
    status: u16                          # 0 in a request, 1 in an answer
    key:    u8[8]                        # not aligned in the packet; XDP may read it all the same
    value:  u8[8]
.end
.global table: u64                       # user address of the buckets; 0 while there is no store
.global hits: u64
.global misses: u64
.license "GPL"

.set ETH_HLEN, 14
.set XDP_DROP, 1
.set XDP_PASS, 2
.set XDP_TX, 3

.program answer type=xdp
    r6 = arena ll                        # a program that casts must refer to its arena
    r7 = *(u32 *)(r1 + 0)                # data: a pointer, though the field is four bytes wide
    r8 = *(u32 *)(r1 + 4)                # data_end
    r2 = r7
    r2 += ETH_HLEN
    if r2 > r8 goto pass
    w3 = *(u16 *)(r7 + 12)
    if w3 != 0xb588 goto pass            # 0x88b5 as it is in the packet
    r2 += message.size
    if r2 > r8 goto drop                 # from here on the whole message is there
    w3 = *(u16 *)(r7 + ETH_HLEN + message.status)
    if w3 != 0 goto pass                 # an answer
    r6 = *(u64 *)(r7 + ETH_HLEN + message.key)

    r1 = table ll
    r1 = *(u64 *)(r1 + 0)
    if r1 == 0 goto miss
    r2 = 0x9e3779b97f4a7c15 ll
    r2 *= r6
    r2 >>= 55                            # 9 bits: 512 buckets
    r2 <<= 3
    r1 = addr_space_cast(r1, 0, 1)
    r1 += r2
    r9 = *(u64 *)(r1 + 0)
search:
    if r9 == 0 goto miss
    may_goto miss                        # nothing that user space writes makes this loop endless
    r1 = addr_space_cast(r9, 0, 1)
    r2 = *(u64 *)(r1 + entry.key)
    if r2 == r6 goto found
    r9 = *(u64 *)(r1 + entry.next)
    goto search

found:
    r2 = *(u64 *)(r1 + entry.value)
    *(u64 *)(r7 + ETH_HLEN + message.value) = r2
    r2 = 1
    *(u16 *)(r7 + ETH_HLEN + message.status) = r2
    w2 = *(u32 *)(r7 + 0)                # source and destination change places
    w3 = *(u16 *)(r7 + 4)
    w4 = *(u32 *)(r7 + 6)
    w5 = *(u16 *)(r7 + 10)
    *(u32 *)(r7 + 0) = w4
    *(u16 *)(r7 + 4) = w5
    *(u32 *)(r7 + 6) = w2
    *(u16 *)(r7 + 10) = w3
    r1 = hits ll
    r2 = 1
    lock *(u64 *)(r1 + 0) += r2
    r0 = XDP_TX
    exit
miss:
    r1 = misses ll
    r2 = 1
    lock *(u64 *)(r1 + 0) += r2
pass:
    r0 = XDP_PASS
    exit
drop:
    r0 = XDP_DROP
    exit
