/** fast-check arbitraries of programs that see packets: of type xdp and of type socket. */
import fc from 'fast-check'
import { access, pick, recipeOf } from './arbitraries.ts'
import type { Step } from './recipe.ts'
import { wildOf } from './wild.ts'
import { type GeneratedProgram, writeProgram } from './write-program.ts'

const packetAccess: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant('packet-access' as const),
  dst: pick,
  at: fc.oneof({ weight: 3, arbitrary: fc.constantFrom(0, 0, 12, 14) }, { weight: 1, arbitrary: fc.nat(80) }),
  index: fc.option(pick, { nil: undefined, freq: 2 }),
  bits: fc.constantFrom(3, 4, 6, 8, 14),
  room: fc.oneof({ weight: 3, arbitrary: fc.constantFrom(1, 2, 4, 8, 16) }, { weight: 1, arbitrary: fc.nat(40) }),
  form: fc.nat(7),
  tail: fc.boolean(),
  accesses: fc.array(access, { minLength: 1, maxLength: 4 }),
})

const packetLoad: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant('packet-load' as const),
  width: fc.constantFrom(8, 16, 32),
  index: fc.option(pick, { nil: undefined, freq: 2 }),
  offset: fc.oneof(
    { weight: 6, arbitrary: fc.nat(20) },
    // From the network header, and from the Ethernet header.
    { weight: 1, arbitrary: fc.nat(40).map((n) => n - 0x100000) },
    { weight: 1, arbitrary: fc.nat(40).map((n) => n - 0x200000) },
    { weight: 1, arbitrary: fc.nat(400) },
  ),
})

const contextField: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant('context-field' as const),
  dst: pick,
  field: pick,
  width: fc.constantFrom(8, 16, 32, 64),
  signed: fc.boolean(),
  store: fc.option(pick, { nil: undefined, freq: 2 }),
})

const field = { weight: 3, arbitrary: contextField }

/** Programs that the verifier is to accept. */
export const packetProgram: fc.Arbitrary<GeneratedProgram> = fc.oneof(
  {
    weight: 3,
    arbitrary: recipeOf([{ weight: 14, arbitrary: packetAccess }, field]).map((r) => writeProgram(r, 'xdp')),
  },
  {
    weight: 2,
    arbitrary: recipeOf([{ weight: 8, arbitrary: packetLoad }, field]).map((r) => writeProgram(r, 'socket')),
  },
)

/** r1 the context, r2 and r3 numbers, r4 the packet, r5 its end, r6 the context, r7 the stack, r8 a number. */
const XDP_START: readonly string[] = [
  '*(u64 *)(r10 - 8) = 0',
  '*(u64 *)(r10 - 16) = r1',
  'r2 = in0 ll',
  'r2 = *(u64 *)(r2 + 0)',
  'r3 = *(u32 *)(r1 + 12)',
  'r4 = *(u32 *)(r1 + 0)',
  'r5 = *(u32 *)(r1 + 4)',
  'r6 = r1',
  'r7 = r10',
  'r7 += -16',
  'r8 = *(u32 *)(r1 + 16)',
  'r9 = *(u32 *)(r1 + 8)',
  'r0 = 0',
]

/** The same with fields of a socket buffer, and globals where packets would be. */
const SOCKET_START: readonly string[] = [
  '*(u64 *)(r10 - 8) = 0',
  '*(u64 *)(r10 - 16) = r1',
  'r2 = in0 ll',
  'r2 = *(u64 *)(r2 + 0)',
  'r3 = *(u32 *)(r1 + 0)',
  'r4 = *(u64 *)(r1 + 168)',
  'r5 = g0 ll',
  'r6 = r1',
  'r7 = r10',
  'r7 += -16',
  'r8 = *(u16 *)(r1 + 16)',
  'r9 = arena ll',
  'r0 = 0',
]

const pointer = fc.constantFrom(2, 4, 5, 9)

/** Packet pointers moved and compared, each way, and loads behind. */
const pointerLine: fc.Arbitrary<string> = fc.oneof(
  fc.tuple(pointer, pointer).map(([d, s]) => `r${d} = r${s}`),
  fc.tuple(pointer, fc.constantFrom('+', '+', '-'), fc.nat(16)).map(([d, op, n]) => `r${d} ${op}= ${n}`),
  fc.tuple(fc.constantFrom('>', '<', '>=', '<=', '==', '!='), pointer, pointer).map(([op, a, b]) => {
    return `if r${a} ${op} r${b} goto @`
  }),
  fc.tuple(fc.constantFrom(8, 16, 32, 64), pointer, fc.integer({ min: -2, max: 18 })).map(([n, b, off]) => {
    return `r2 = *(u${n} *)(r${b} ${off < 0 ? '-' : '+'} ${Math.abs(off)})`
  }),
)

const fieldLine: fc.Arbitrary<string> = fc
  .tuple(fc.constantFrom(8, 16, 32, 64), fc.constantFrom('u', 's'), fc.nat(192))
  .map(([n, sign, off]) => `r2 = *(${n === 64 ? 'u' : sign}${n} *)(r6 + ${off})`)

const absLine: fc.Arbitrary<string> = fc.oneof(
  fc.tuple(fc.constantFrom(8, 16, 32), fc.nat(40)).map(([n, off]) => `r0 = *(u${n} *)skb[${off}]`),
  fc.tuple(fc.constantFrom(8, 16, 32), fc.nat(10)).map(([n, reg]) => `r0 = *(u${n} *)skb[r${reg}]`),
)

/** Wild programs of both types. Nearly all are refused. */
export const wildPacketProgram: fc.Arbitrary<GeneratedProgram> = fc.oneof(
  wildOf('xdp', XDP_START, [
    { weight: 8, arbitrary: pointerLine },
    { weight: 1, arbitrary: fieldLine },
    { weight: 1, arbitrary: absLine },
  ]),
  wildOf('socket', SOCKET_START, [
    { weight: 2, arbitrary: fieldLine },
    { weight: 3, arbitrary: absLine },
  ]),
)
