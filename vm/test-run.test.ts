/**
 * BPF_PROG_TEST_RUN of xdp and socket programs: what is refused, what programs see, what comes out. Each row says what
 * must come out here; where the kernel can be asked, it must say the same, every byte of packet and context.
 */
import { afterAll, describe, expect, test } from 'vitest'
import { assemble } from '../asm/assemble.ts'
import { ErrnoError, HarenaError } from '../errors/errors.ts'
import { Machine } from '../index.ts'
import { LinuxMachine, type LinuxObject, whyUnavailable } from '../linux/index.ts'
import { contextLayout } from '../program/contexts.ts'
import type { LoadedObject } from './loaded-object.ts'

/** 32-bit words of a context, by offset. */
type Words = Readonly<Record<number, number>>

interface Given {
  /** A packet, or the length of one whose bytes count up. */
  readonly data?: Uint8Array | number
  readonly ctx?: Words
  /** Bytes of context; default the struct's. */
  readonly size?: number
  readonly repeat?: number
}

interface Expected {
  readonly retval?: number
  /** Bytes of the packet afterwards, by index, and its length. */
  readonly length?: number
  readonly data?: Words
  /** Words of the context afterwards. */
  readonly ctx?: Words
}

type Row = readonly [name: string, program: string, given: Given, expected: Expected | string]

interface Outcome {
  readonly retval: number
  readonly data: Uint8Array | undefined
  readonly ctx: Uint8Array | undefined
}

const XDP_SIZE: number = contextLayout('xdp')!.size
const SKB_SIZE: number = contextLayout('socket')!.size

function packet(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i + 1)
}

/** A packet of 64 bytes for this host with these bytes instead. */
function frame(bytes: Words, length = 64): Uint8Array {
  const data = new Uint8Array(length)
  for (const [at, byte] of Object.entries(bytes)) data[Number(at)] = byte
  return data
}

const IPV4: Words = { 12: 0x08, 13: 0x00, 26: 10, 27: 1, 28: 2, 29: 3, 30: 10, 31: 4, 32: 5, 33: 6 }
const IPV6: Words = { 12: 0x86, 13: 0xdd, 22: 0xfe, 23: 0x80, 38: 0xfd, 53: 9 }

const XDP = `
.program pass type=xdp
  r0 = 2
  exit
.program wide type=xdp
  r0 = 0x500000007 ll
  exit
.program negative type=xdp
  r0 = -1
  exit
.program length type=xdp
  r2 = *(u32 *)(r1 + 0)
  r0 = *(u32 *)(r1 + 4)
  r0 -= r2
  exit
.program metadata type=xdp
  r2 = *(u32 *)(r1 + 8)
  r0 = *(u32 *)(r1 + 0)
  r0 -= r2
  exit
.program ingress type=xdp
  r0 = *(u32 *)(r1 + 12)
  exit
.program queue type=xdp
  r0 = *(u32 *)(r1 + 16)
  exit
.program signed type=xdp
  r0 = *(s32 *)(r1 + 12)
  exit
# Adds one to the first byte of the packet, which it returns.
.program count type=xdp
  r2 = *(u32 *)(r1 + 0)
  r3 = *(u32 *)(r1 + 4)
  r0 = -1
  r4 = r2
  r4 += 14
  if r4 > r3 goto 1f
  r0 = *(u8 *)(r2 + 0)
  r0 += 1
  *(u8 *)(r2 + 0) = r0
1:
  exit
# The first byte of metadata becomes 99.
.program mark type=xdp
  r2 = *(u32 *)(r1 + 8)
  r3 = *(u32 *)(r1 + 0)
  r0 = 1
  r4 = r2
  r4 += 4
  if r4 > r3 goto 1f
  r0 = 99
  *(u8 *)(r2 + 0) = r0
1:
  exit
`

const XDP_ROWS: readonly Row[] = [
  ['14 bytes are enough', 'pass', { data: 14 }, { retval: 2, length: 14, data: { 0: 1, 13: 14 } }],
  ['13 are not', 'pass', { data: 13 }, 'EINVAL'],
  ['no packet', 'pass', {}, 'EINVAL'],
  ['retval is the low half of r0', 'wide', { data: 64 }, { retval: 7 }],
  ['an action that is none', 'negative', { data: 64 }, { retval: 0xffff_ffff }],
  ['the whole packet is seen', 'length', { data: 64 }, { retval: 64 }],
  ['there is no metadata', 'metadata', { data: 64 }, { retval: 0 }],
  ['it comes from the loopback device', 'ingress', { data: 64 }, { retval: 1 }],
  ['a signed load of a field', 'signed', { data: 64 }, { retval: 1 }],
  ['from queue 0', 'queue', { data: 64 }, { retval: 0 }],
  ['what the program writes comes out', 'count', { data: 64 }, { retval: 2, length: 64, data: { 0: 2, 1: 2 } }],
  ['repeats go on with the same packet', 'count', { data: 64, repeat: 10 }, { retval: 11, data: { 0: 11 } }],
  ['3520 bytes are linear', 'length', { data: 3520 }, { retval: 3520, length: 3520 }],
  ['the rest lies in fragments', 'length', { data: 9000 }, { retval: 3520, length: 9000, data: { 8999: 9000 & 255 } }],
  ['17 fragments', 'length', { data: 3520 + 17 * 4096 }, { retval: 3520, length: 73_152 }],
  ['18 are too many', 'length', { data: 3520 + 17 * 4096 + 1 }, 'ENOMEM'],

  [
    'a context that says what is so',
    'length',
    { data: 64, ctx: { 4: 64 } },
    { retval: 64, ctx: { 0: 0, 4: 64, 8: 0 } },
  ],
  ['a context of zeros: nothing is linear', 'length', { data: 64, ctx: {} }, { retval: 0, length: 64, ctx: { 4: 0 } }],
  ['data_end leaves the rest to fragments', 'length', { data: 64, ctx: { 4: 40 } }, { retval: 40, length: 64 }],
  ['data_end behind the data', 'length', { data: 64, ctx: { 4: 65 } }, 'EINVAL'],
  [
    'data_end alone may be beyond a page',
    'length',
    { data: 9000, ctx: { 4: 9000 } },
    { retval: 3520, ctx: { 4: 3520 } },
  ],
  ['metadata', 'metadata', { data: 64, ctx: { 0: 8, 4: 64 } }, { retval: 8, length: 64, ctx: { 0: 8, 4: 64, 8: 0 } }],
  ['metadata is not part of the packet', 'length', { data: 64, ctx: { 0: 8, 4: 64 } }, { retval: 56 }],
  ['the packet begins behind it', 'count', { data: 64, ctx: { 0: 8, 4: 64 } }, { retval: 10, data: { 7: 8, 8: 10 } }],
  ['metadata is written', 'mark', { data: 64, ctx: { 0: 8, 4: 64 } }, { retval: 99, data: { 0: 99, 1: 2 } }],
  ['metadata beside a full page', 'length', { data: 4000, ctx: { 0: 200, 4: 4000 } }, { retval: 3520, length: 4000 }],
  ['216 bytes of metadata', 'metadata', { data: 300, ctx: { 0: 216, 4: 300 } }, { retval: 216 }],
  ['220 are too many', 'metadata', { data: 300, ctx: { 0: 220, 4: 300 } }, 'EINVAL'],
  ['metadata in words only', 'metadata', { data: 64, ctx: { 0: 6, 4: 64 } }, 'EINVAL'],
  ['data behind data_end', 'metadata', { data: 64, ctx: { 0: 8, 4: 4 } }, 'EINVAL'],
  ['14 bytes behind metadata', 'metadata', { data: 22, ctx: { 0: 8, 4: 22 } }, { retval: 8 }],
  ['13 bytes behind metadata', 'metadata', { data: 21, ctx: { 0: 8, 4: 21 } }, 'EINVAL'],
  ['data_meta must be 0', 'pass', { data: 64, ctx: { 4: 64, 8: 1 } }, 'EINVAL'],
  ['a receive queue without a device', 'pass', { data: 64, ctx: { 4: 64, 16: 1 } }, 'EINVAL'],
  ['a receive queue that the device lacks', 'pass', { data: 64, ctx: { 4: 64, 12: 1, 16: 1 } }, 'EINVAL'],
  ['an unknown device', 'pass', { data: 64, ctx: { 4: 64, 12: 99_999 } }, 'ENODEV'],
  ['egress_ifindex must be 0', 'pass', { data: 64, ctx: { 4: 64, 20: 1 } }, 'EINVAL'],
  ['a short context is filled with zeros', 'metadata', { data: 64, ctx: { 0: 4, 4: 64 }, size: 8 }, { retval: 4 }],
  ['a long one has zeros behind it', 'length', { data: 64, ctx: { 4: 64 }, size: 4096 }, { retval: 64 }],
  ['or is refused', 'length', { data: 64, ctx: { 4: 64, 4092: 1 }, size: 4096 }, 'E2BIG'],
  ['over a page', 'length', { data: 64, ctx: { 4: 64 }, size: 4097 }, 'E2BIG'],
  ['E2BIG comes before the packet', 'length', { data: 5, ctx: {}, size: 4097 }, 'E2BIG'],
  ['data_meta comes before the size', 'length', { data: 5, ctx: { 8: 1 } }, 'EINVAL'],
  ['the size comes before the device', 'length', { data: 13, ctx: { 4: 13, 12: 99_999 } }, 'EINVAL'],
  ['the device comes before the fragments', 'length', { data: 80_000, ctx: { 12: 99_999 } }, 'ENODEV'],
]

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

const SOCKET = `
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
${sockLoads([4, 24, 28, 36, 40, 48, 52, 56, 68, 72, 76, 0, 44])}
`

/** LD_ABS: `abs_u16_46`, with 0x10000 added to what was read; a minus sign is an `m`. */
function packetLoads(loads: readonly (readonly [type: string, off: number])[]): string {
  return loads
    .map(
      ([type, off]) => `.program abs_${type}_${nameOf(off)} type=socket\n  r6 = r1\n  r0 = *(${type} *)skb[${off}]
  r1 = 0x100000000 ll\n  r0 += r1\n  r2 = r0\n  r2 >>= 32\n  r0 ^= r2\n  exit\n`,
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

const SOCKET_ROWS: readonly Row[] = [
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

/** Packet and context of a row as bytes; both are new each time. */
function inputOf(given: Given, structSize: number): { data?: Uint8Array; ctx?: Uint8Array; repeat?: number } {
  const { data, ctx, size = structSize, repeat } = given
  const view = new DataView(new ArrayBuffer(size))
  for (const [at, value] of Object.entries(ctx ?? {})) view.setUint32(Number(at), value, true)
  return {
    ...(data === undefined ? {} : { data: typeof data === 'number' ? packet(data) : data }),
    ...(ctx === undefined ? {} : { ctx: new Uint8Array(view.buffer) }),
    ...(repeat === undefined ? {} : { repeat }),
  }
}

/** What a row gives, or its errno. */
function outcomeOf(object: LoadedObject | LinuxObject, row: Row, structSize: number): Outcome | string {
  const input = inputOf(row[2], structSize)
  try {
    const { retval, data } = object.program(row[1]).run(input)
    return { retval, data, ctx: input.ctx }
  } catch (error) {
    if (error instanceof ErrnoError) return error.errno
    throw error
  }
}

function check(outcome: Outcome | string, expected: Expected | string): void {
  if (typeof expected === 'string' || typeof outcome === 'string') {
    expect(outcome).toBe(expected)
    return
  }
  const { retval, data, ctx } = outcome
  if (expected.retval !== undefined) expect(retval).toBe(expected.retval)
  if (expected.length !== undefined) expect(data?.length).toBe(expected.length)
  for (const [at, byte] of Object.entries(expected.data ?? {})) expect([at, data?.[Number(at)]]).toEqual([at, byte])
  const view = ctx === undefined ? undefined : new DataView(ctx.buffer)
  for (const [at, word] of Object.entries(expected.ctx ?? {})) {
    expect([at, view?.getUint32(Number(at), true)]).toEqual([at, word])
  }
}

describe.each([
  { type: 'xdp', source: XDP, rows: XDP_ROWS, size: XDP_SIZE },
  { type: 'socket', source: SOCKET, rows: SOCKET_ROWS, size: SKB_SIZE },
])('test runs of $type programs', ({ source, rows, size }) => {
  const spec = assemble(`.license "GPL"\n${source}`)
  const machine = new Machine()
  const object = machine.load(spec)
  const why = whyUnavailable()
  const linux = why === undefined ? new LinuxMachine() : undefined
  const live = linux?.load(spec)
  afterAll(() => {
    machine.close()
    linux?.close()
  })

  test.for(rows)('%s (%s)', (row) => check(outcomeOf(object, row, size), row[3]))

  test.for(rows)('%s (%s), on the running kernel', (row, ctx) => {
    if (live === undefined) return ctx.skip(`the kernel cannot be asked: ${why}`)
    expect(outcomeOf(live, row, size)).toEqual(outcomeOf(object, row, size))
  })
})

describe('contexts of the CPU', () => {
  const source = `.license "GPL"
.program task type=syscall
  r0 = 0
  exit
${XDP}
.program filter type=socket
  r0 = 0
  exit
`
  const machine = new Machine()
  const object = machine.load(assemble(source))
  afterAll(() => machine.close())
  const data = packet(64)

  test.each(['task', 'softirq'] as const)('packets are worked on in %s', (context) => {
    expect(object.program('pass').run({ data, context }).retval).toBe(2)
    expect(object.program('filter').run({ data, context }).retval).toBe(0)
  })

  test.each(['hardirq', 'nmi'] as const)('nothing runs in %s', (context) => {
    expect(() => object.program('pass').run({ data, context })).toThrow(
      new HarenaError(`program pass: xdp programs run in task or softirq context, not in ${context}`),
    )
    expect(() => object.program('filter').run({ data, context })).toThrow(/socket programs run in task or softirq/)
    expect(() => object.program('task').run({ context })).toThrow(/syscall programs run in task context only/)
  })

  test('syscall programs do not run in softirq', () => {
    expect(() => object.program('task').run({ context: 'softirq' })).toThrow(HarenaError)
  })
})

describe('results', () => {
  const machine = new Machine()
  const object = machine.load(assemble(`.license "GPL"\n${XDP}\n.program call type=syscall\n r0 = 0\n exit\n`))
  afterAll(() => machine.close())

  test('the packet that was given is left alone', () => {
    const data = packet(64)
    const result = object.program('count').run({ data })
    expect([data[0], result.data?.[0]]).toEqual([1, 2])
  })

  test('a short context gets what it has room for; the result has all', () => {
    const ctx = Uint8Array.from([4, 0, 0, 0, 40])
    const result = object.program('length').run({ data: packet(64), ctx })
    expect([...ctx]).toEqual([4, 0, 0, 0, 40])
    expect(result.ctx?.length).toBe(XDP_SIZE)
    expect(object.program('length').run({ data: packet(64) }).ctx).toBeUndefined()
  })

  test('a syscall program has its context and no packet', () => {
    const ctx = Uint8Array.from([1, 2, 3])
    expect(object.program('call').run({ ctx })).toMatchObject({ data: undefined, ctx })
    expect(object.program('call').run()).toMatchObject({ data: undefined, ctx: undefined })
  })
})
