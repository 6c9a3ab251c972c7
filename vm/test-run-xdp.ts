/** For tests: test runs of XDP programs. Expected values: Linux 6.18, observed. */
import type { Row } from './test-run-case.ts'

export const XDP: string = `
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

export const XDP_ROWS: readonly Row[] = [
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
