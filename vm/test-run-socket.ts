/** For tests: test runs of socket filters. Expected values: Linux 6.18, observed. */
import { frame, type Row, type Words } from './test-run-case.ts'

const IPV4: Words = { 12: 0x08, 13: 0x00, 26: 10, 27: 1, 28: 2, 29: 3, 30: 10, 31: 4, 32: 5, 33: 6 }
const IPV6: Words = { 12: 0x86, 13: 0xdd, 22: 0xfe, 23: 0x80, 38: 0xfd, 53: 9 }
/** Loads of 32 bits and less, as `u16_18`; signed ones as `s16_18`. */
const LOADS: readonly string[] = [
  ...[0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 64, 68, 84, 164, 176].map((off) => `u32_${off}`),
  ...[
    'u16_0',
    'u16_16',
    'u16_18',
    'u8_0',
    'u8_1',
    'u8_16',
    'u8_17',
    'u8_18',
    's16_8',
    's8_8',
    's32_8',
    's16_10',
    's8_67',
    's16_18',
    'u8_7',
    'u16_6',
    'u16_166',
    'u8_166',
    's16_178',
  ],
]

export const SOCKET: string = `
.program all type=socket
  r0 = -1
  exit
${LOADS.map((name) => {
  const [type, off] = name.split('_')
  return `.program ${name} type=socket\n  r0 = *(${type} *)(r1 + ${off})\n  exit\n`
}).join('')}
.program u64_56 type=socket
  r0 = *(u64 *)(r1 + 56)
  exit
# Counts in every width of cb.
.program cb type=socket
  r0 = *(u64 *)(r1 + 48)
  r0 += 1
  *(u64 *)(r1 + 48) = r0
  r2 = *(u32 *)(r1 + 56)
  r2 += 2
  *(u32 *)(r1 + 56) = r2
  r2 = *(u16 *)(r1 + 62)
  r2 += 3
  *(u16 *)(r1 + 62) = r2
  r2 = *(u8 *)(r1 + 67)
  r2 += 4
  *(u8 *)(r1 + 67) = r2
  exit
${packetLoads([
  ['u8', 0],
  ['u16', 0],
  ['u32', 0],
  ['u32', 46],
  ['u32', 47],
  ['u8', 50],
  ['u8', -1],
  ['u8', -0x1000],
  ['u16', -0x10_0000],
  ['u8', -0x10_0001],
  ['u16', -0x20_0000],
  ['u32', -0x20_0000 + 12],
  ['u8', -0x20_0000 + 63],
  ['u8', -0x20_0000 + 64],
  ['u8', -0x20_0001],
  ['u8', 0x7fff_ffff],
])}
.program ind type=socket
  r6 = r1
  r7 = 5
  r0 = *(u8 *)skb[r7 + 1]
  r0 += 0x100
  exit
.program ind_before type=socket
  r6 = r1
  r7 = -1
  r0 = *(u8 *)skb[r7 + 0]
  r0 += 0x100
  exit
.program ind_wraps type=socket
  r6 = r1
  r7 = 0x100000002 ll
  r0 = *(u8 *)skb[r7 + 1]
  r0 += 0x100
  exit
# A load outside the packet ends the function that does it, not the program.
.struct nothing                          # gives the object BTF, without which Linux takes no LD_ABS in a function
  zero: u64
.end
.program in_function type=socket
  r6 = r1
  call outside
  r0 += 5
  exit
.func outside
  r6 = r1
  r0 = *(u8 *)skb[60000]
  r0 = 100
  exit
${sockLoads([4, 24, 28, 36, 40, 48, 52, 56, 68, 72, 76, 0, 44])}
`

/** LD_ABS: `abs_u16_46`, its result with bit 0 flipped so that it is not what a failure gives; a minus is an `m`. */
function packetLoads(loads: readonly (readonly [type: string, off: number])[]): string {
  return loads
    .map(
      ([type, off]) => `.program abs_${type}_${nameOf(off)} type=socket\n  r6 = r1\n  r0 = *(${type} *)skb[${off}]
  r0 ^= 1\n  exit\n`,
    )
    .join('')
}

function nameOf(off: number): string {
  return off < 0 ? `m${-off}` : String(off)
}

/** Words of the test run's socket. */
function sockLoads(offsets: readonly number[]): string {
  return offsets
    .map(
      (off) => `.program sk_${off} type=socket\n  r1 = *(u64 *)(r1 + 168)\n  r0 = -2\n  if r1 == 0 goto 1f
  r0 = *(u${off === 48 ? 16 : 32} *)(r1 + ${off})\n1:\n  exit\n`,
    )
    .join('')
}

export const SOCKET_ROWS: readonly Row[] = [
  ['14 bytes are enough', 'u32_0', { data: 14 }, { retval: 0, length: 14, data: { 0: 0, 13: 0 } }],
  ['13 are not', 'u32_0', { data: 13 }, 'EINVAL'],
  ['no packet', 'u32_0', {}, 'EINVAL'],
  ['3712 bytes', 'u32_0', { data: 3712 }, { retval: 3698, length: 3712 }],
  ['3713 are too many', 'u32_0', { data: 3713 }, 'EINVAL'],
  [
    'the MAC header is lost',
    'all',
    { data: 64 },
    { retval: 0xffff_ffff, length: 64, data: { 0: 0, 13: 0, 14: 15, 63: 64 } },
  ],
  ['len is without it', 'u32_0', { data: 64 }, { retval: 50 }],
  ['low half of len', 'u16_0', { data: 1000 }, { retval: 986 }],
  ['low byte of len', 'u8_0', { data: 1000 }, { retval: 986 & 255 }],
  ['second byte of len', 'u8_1', { data: 1000 }, { retval: 986 >> 8 }],

  ['to this host', 'u32_4', { data: frame({}) }, { retval: 0 }],
  ['to all', 'u32_4', { data: frame({ 0: 255, 1: 255, 2: 255, 3: 255, 4: 255, 5: 255 }) }, { retval: 2 }],
  ['to many', 'u32_4', { data: frame({ 0: 1 }) }, { retval: 2 }],
  ['to another host', 'u32_4', { data: frame({ 5: 1 }) }, { retval: 3 }],
  ['protocol in network order', 'u32_16', { data: frame({ 12: 0x12, 13: 0x34 }) }, { retval: 0x3412 }],
  ['its first byte', 'u8_16', { data: frame({ 12: 0x12, 13: 0x34 }) }, { retval: 0x12 }],
  ['its second byte', 'u8_17', { data: frame({ 12: 0x12, 13: 0x34 }) }, { retval: 0x34 }],
  ['its third byte', 'u8_18', { data: frame({ 12: 0x12, 13: 0x34 }) }, { retval: 0 }],
  ['its first half', 'u16_16', { data: frame({ 12: 0x12, 13: 0x34 }) }, { retval: 0x3412 }],
  ['its second half is its first', 'u16_18', { data: frame({ 12: 0x12, 13: 0x34 }) }, { retval: 0x3412 }],
  ['so it is signed', 's16_18', { data: frame({ 12: 0x12, 13: 0x94 }) }, { retval: 0xffff_9412 }],
  ['every byte of pkt_type is the first', 'u8_7', { data: frame({ 0: 1 }) }, { retval: 2 }],
  ['and every half', 'u16_6', { data: frame({ 0: 1 }) }, { retval: 2 }],
  ['a half of gso_segs', 'u16_166', { data: 64, ctx: { 164: 0xabcd } }, { retval: 0xabcd }],
  ['a byte of gso_segs', 'u8_166', { data: 64, ctx: { 164: 0xabcd } }, { retval: 0 }],
  ['a half of gso_size', 's16_178', { data: 64, ctx: { 176: 0xabcd } }, { retval: 0xffff_abcd }],
  ['a length instead', 'u32_16', { data: frame({ 12: 5, 13: 0xff }) }, { retval: 0x0400 }],
  ['the least type', 'u32_16', { data: frame({ 12: 6, 13: 0 }) }, { retval: 6 }],
  ['raw IPX', 'u32_16', { data: frame({ 14: 255, 15: 255 }) }, { retval: 0x0100 }],
  ['a frame that ends behind its length', 'u32_16', { data: 14 }, { retval: 0x0e0d }],
  ['a length and nothing else', 'u32_16', { data: frame({}, 14) }, { retval: 0x0400 }],
  ['IPv4 without its header', 'all', { data: frame(IPV4, 64).subarray(0, 33) }, 'EINVAL'],
  ['IPv4 with its header only', 'all', { data: frame(IPV4, 64).subarray(0, 34) }, { retval: 0xffff_ffff }],
  ['IPv6 without its header', 'all', { data: frame(IPV6, 64).subarray(0, 53) }, 'EINVAL'],
  ['IPv6 with its header only', 'all', { data: frame(IPV6, 64).subarray(0, 54) }, { retval: 0xffff_ffff }],
  ...[8, 12, 20, 24, 28, 32, 36, 44, 48, 64, 68, 84, 164, 176].map(
    (off): Row => [`word ${off} is 0`, `u32_${off}`, { data: 64 }, { retval: 0 }],
  ),
  ['ifindex is the loopback device', 'u32_40', { data: 64 }, { retval: 1 }],

  [
    'mark',
    'u32_8',
    { data: 64, ctx: { 8: 0x89ab_cdef } },
    { retval: 0x89ab_cdef, ctx: { 8: 0x89ab_cdef, 40: 1, 160: 50 } },
  ],
  ['a signed word', 's32_8', { data: 64, ctx: { 8: 0x89ab_cdef } }, { retval: 0x89ab_cdef }],
  ['a signed half', 's16_8', { data: 64, ctx: { 8: 0x89ab_cdef } }, { retval: 0xffff_cdef }],
  ['the other half', 's16_10', { data: 64, ctx: { 8: 0x89ab_cdef } }, { retval: 0xffff_89ab }],
  ['a signed byte', 's8_8', { data: 64, ctx: { 8: 0x89ab_cdef } }, { retval: 0xffff_ffef }],
  ['priority', 'u32_32', { data: 64, ctx: { 32: 7 } }, { retval: 7 }],
  ['ingress_ifindex is not looked up', 'u32_36', { data: 64, ctx: { 36: 99_999 } }, { retval: 99_999 }],
  ['ifindex', 'u32_40', { data: 64, ctx: { 40: 1 } }, { retval: 1 }],
  ['an unknown device', 'u32_40', { data: 64, ctx: { 40: 99_999 } }, 'ENODEV'],
  ['gso_segs', 'u32_164', { data: 64, ctx: { 164: 65_535 } }, { retval: 65_535 }],
  ['too many of them', 'u32_164', { data: 64, ctx: { 164: 65_536 } }, 'EINVAL'],
  ['gso_size is a half', 'u32_176', { data: 64, ctx: { 176: 0x5_0006 } }, { retval: 6, ctx: { 176: 0x5_0006 } }],
  ['wire_len', 'all', { data: 64, ctx: { 160: 65_536 } }, { ctx: { 160: 65_536 } }],
  ['wire_len over the limit', 'all', { data: 64, ctx: { 160: 65_537 } }, 'EINVAL'],
  ['wire_len below len', 'all', { data: 64, ctx: { 160: 49 } }, 'EINVAL'],
  ['wire_len of len', 'all', { data: 64, ctx: { 160: 50 } }, { ctx: { 160: 50 } }],
  [
    'time stamps',
    'all',
    { data: 64, ctx: { 152: 5, 156: 6, 184: 7, 188: 8 } },
    { ctx: { 152: 5, 156: 6, 184: 7, 188: 8 } },
  ],
  ['cb', 'u64_56', { data: 64, ctx: { 56: 5, 60: 6 } }, { retval: 5, ctx: { 56: 5, 60: 6 } }],
  ['the last byte of cb, signed', 's8_67', { data: 64, ctx: { 64: 0x8000_0000 } }, { retval: 0xffff_ff80 }],
  [
    'cb is written, and kept between repeats',
    'cb',
    { data: 64, ctx: { 48: 0xffff_ffff }, repeat: 3 },
    { retval: 2, ctx: { 48: 2, 52: 1, 56: 6, 60: 9 << 16, 64: 12 << 24 } },
  ],
  ...[0, 4, 12, 16, 20, 24, 28, 44, 68, 72, 76, 80, 84, 88, 136, 140, 144, 168, 180].map(
    (off): Row => [`word ${off} cannot be given`, 'all', { data: 64, ctx: { [off]: 1 } }, 'EINVAL'],
  ),
  ['a short context', 'u32_8', { data: 64, ctx: { 8: 9 }, size: 12 }, { retval: 9 }],
  ['a long one has zeros behind it', 'u32_8', { data: 64, ctx: { 8: 9 }, size: 4096 }, { retval: 9 }],
  ['or is refused', 'u32_8', { data: 64, ctx: { 8: 9, 192: 1 }, size: 196 }, 'E2BIG'],
  ['over a page', 'u32_8', { data: 64, ctx: { 8: 9 }, size: 4097 }, 'E2BIG'],
  ['the packet comes before E2BIG', 'u32_8', { data: 13, ctx: {}, size: 4097 }, 'EINVAL'],
  ['E2BIG comes before the device', 'u32_8', { data: 64, ctx: { 40: 99_999 }, size: 4097 }, 'E2BIG'],
  ['the device comes before the header', 'all', { data: frame(IPV4, 20), ctx: { 40: 99_999 } }, 'ENODEV'],

  ['LD_ABS counts from the network header', 'abs_u8_0', { data: 64 }, { retval: 15 ^ 1 }],
  ['big endian', 'abs_u16_0', { data: 64 }, { retval: 0x0f10 ^ 1 }],
  ['a word', 'abs_u32_0', { data: 64 }, { retval: 0x0f10_1112 ^ 1 }],
  ['the last word', 'abs_u32_46', { data: 64 }, { retval: 0x3d3e_3f40 ^ 1 }],
  ['a word beyond the end', 'abs_u32_47', { data: 64 }, { retval: 0 }],
  ['a byte beyond the end', 'abs_u8_50', { data: 64 }, { retval: 0 }],
  ['a byte before', 'abs_u8_m1', { data: 64 }, { retval: 0 }],
  ['no ancillary data', 'abs_u8_m4096', { data: 64 }, { retval: 0 }],
  ['the network header', 'abs_u16_m1048576', { data: 64 }, { retval: 0x0f10 ^ 1 }],
  ['far behind the MAC header', 'abs_u8_m1048577', { data: 64 }, { retval: 0 }],
  ['the MAC header', 'abs_u16_m2097152', { data: 64 }, { retval: 0x0102 ^ 1 }],
  ['over its end', 'abs_u32_m2097140', { data: 64 }, { retval: 0x0d0e_0f10 ^ 1 }],
  ['the last byte from there', 'abs_u8_m2097089', { data: 64 }, { retval: 64 ^ 1 }],
  ['the end from there', 'abs_u8_m2097088', { data: 64 }, { retval: 0 }],
  ['before the MAC header', 'abs_u8_m2097153', { data: 64 }, { retval: 0 }],
  ['far beyond', 'abs_u8_2147483647', { data: 64 }, { retval: 0 }],
  ['in a function', 'in_function', { data: 64 }, { retval: 5 }],
  ['LD_IND adds', 'ind', { data: 64 }, { retval: 0x100 + 21 }],
  ['a sum below 0', 'ind_before', { data: 64 }, { retval: 0 }],
  ['32 bits of the register', 'ind_wraps', { data: 64 }, { retval: 0x100 + 18 }],

  ['the socket has no family', 'sk_4', { data: 64 }, { retval: 0 }],
  ['the family of IPv4', 'sk_4', { data: frame(IPV4) }, { retval: 2 }],
  ['its source', 'sk_24', { data: frame(IPV4) }, { retval: 0x0302_010a }],
  ['its destination', 'sk_52', { data: frame(IPV4) }, { retval: 0x0605_040a }],
  ['the family of IPv6', 'sk_4', { data: frame(IPV6) }, { retval: 10 }],
  ['its source', 'sk_28', { data: frame(IPV6) }, { retval: 0x80fe }],
  ['the end of its source', 'sk_40', { data: frame(IPV6) }, { retval: 0 }],
  ['its destination', 'sk_56', { data: frame(IPV6) }, { retval: 0xfd }],
  ['the end of its destination', 'sk_68', { data: frame(IPV6) }, { retval: 0x0900_0000 }],
  ['closed', 'sk_72', { data: 64 }, { retval: 7 }],
  ['on no queue', 'sk_76', { data: 64 }, { retval: 0xffff_ffff }],
  ['bound to no device', 'sk_0', { data: 64 }, { retval: 0 }],
  ['no source port', 'sk_44', { data: 64 }, { retval: 0 }],
  ['no destination port', 'sk_48', { data: 64 }, { retval: 0 }],
]
