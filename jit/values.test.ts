import { expect, test } from 'vitest'
import { assemble } from '../asm/assemble.ts'
import { basicBlocks } from '../isa/blocks.ts'
import { buildCfg } from '../isa/cfg.ts'
import { link } from '../program/link.ts'
import type { MapInfo } from '../program/loadable.ts'
import { bindProgram } from '../vm/bind.ts'
import type { CompileInput } from './compile.ts'
import { planFunction } from './plan.ts'
import { FunctionValues, type Value } from './values.ts'

/** A program's values, with the two maps `a` and `b`. */
function valuesOf(body: string, unseen: readonly number[] = []): FunctionValues {
  const spec = assemble(`
    .map a type=hash key=4 value=8 entries=4
    .map b type=array key=4 value=16 entries=1
    .program p type=syscall
    ${body}`)
  const maps = new Map(spec.maps.map((map) => [map.name, { ...map, address: 0n } as unknown as MapInfo]))
  const program = bindProgram(link(spec, 'p'), maps)
  const flags = Uint8Array.from(program.insns, (_, slot) => (unseen.includes(slot) ? 0 : 1))
  const input: CompileInput = { program, access: flags, flags, userHigh: 0, pageTable: undefined, shared: true }
  const blocks = basicBlocks(buildCfg(program.insns), [0])
  return new FunctionValues(input, planFunction(input, blocks, 0, new Uint16Array(program.insns.length)).graph)
}

function text(value: Value): string {
  switch (value.kind) {
    case 'unknown':
      return '?'
    case 'constant':
      return `${(BigInt(value.high) << 32n) | BigInt(value.low >>> 0)}`
    case 'reference':
      return value.binding.kind === 'map' || value.binding.kind === 'map-value' ? value.binding.map.name : '…'
    case 'frame':
      return `frame+${value.offset}`
    case 'object':
      return `object ${value.typeId}`
    default:
      return value satisfies never
  }
}

test.each<[what: string, body: string, slot: number, register: number, expected: string]>([
  ['nothing of arguments', 'r0 = 0\nexit', 0, 1, '?'],
  ['r10', 'r0 = 0\nexit', 0, 10, 'frame+512'],
  ['a number', 'r0 = -1\nexit', 1, 0, '-1'],
  ['a number of 32 bits', 'w0 = -1\nexit', 1, 0, '4294967295'],
  ['a wide number', 'r0 = 0x100000002 ll\nexit', 2, 0, '4294967298'],
  ['a copy of 32 bits', 'r1 = 0x100000002 ll\nw0 = w1\nexit', 3, 0, '2'],
  ['half a pointer', 'r1 = a ll\nw0 = w1\nexit', 3, 0, '?'],
  ['a map', 'r1 = a ll\nr6 = r1\nr0 = 0\nexit', 3, 6, 'a'],
  ['a place in the frame', 'r2 = r10\nr2 += -8\nr2 -= 4\nr0 = 0\nexit', 3, 2, 'frame+500'],
  ['a place in the frame, by a register', 'r2 = r10\nr3 = -16\nr2 += r3\nr0 = 0\nexit', 3, 2, 'frame+496'],
  ['nothing of other arithmetic', 'r2 = 5\nr2 *= 3\nr0 = 0\nexit', 2, 2, '?'],
  ['nothing of what is loaded', 'r2 = 5\n*(u64 *)(r10 - 8) = r2\nr2 = *(u64 *)(r10 - 8)\nr0 = 0\nexit', 3, 2, '?'],
  ['nothing of arguments after a call', 'r1 = a ll\ncall 8\nr0 = 0\nexit', 3, 1, '?'],
  ['nothing of the result', 'r0 = 3\ncall 8\nexit', 2, 0, '?'],
  [
    'an object that was made',
    'r1 = 7\nr2 = 0\ncall bpf_obj_new\nr6 = r0\nif r6 == 0 goto l\nr0 = 0\nl:\nexit',
    6,
    6,
    'object 7',
  ],
  ['no object of an unknown type', 'r2 = 0\ncall bpf_obj_new\nexit', 2, 0, '?'],
  ['what calls keep', 'r6 = a ll\ncall 8\nr0 = 0\nexit', 3, 6, 'a'],
  ['what both ways agree on', 'r6 = 1\nif r1 == 0 goto l\nr6 = 1\nl:\nr0 = r6\nexit', 3, 6, '1'],
  ['nothing where ways differ', 'r6 = 1\nif r1 == 0 goto l\nr6 = 2\nl:\nr0 = r6\nexit', 3, 6, '?'],
  ['one map by two ways', 'r6 = a ll\nif r1 == 0 goto l\nr6 = a ll\nl:\nr0 = 0\nexit', 5, 6, 'a'],
  ['two maps by two ways', 'r6 = a ll\nif r1 == 0 goto l\nr6 = b ll\nl:\nr0 = 0\nexit', 5, 6, '?'],
  ['nothing of a loop counter', 'r6 = 9\nl:\nr6 += -1\nif r6 != 0 goto l\nr0 = 0\nexit', 1, 6, '?'],
  ['what a loop leaves alone', 'r6 = 9\nr7 = 4\nl:\nr6 += -1\nif r6 != 0 goto l\nr0 = 0\nexit', 2, 7, '4'],
  ['nothing of an atomic', 'r2 = 1\nr3 = 2\nlock *(u64 *)(r10 - 8) += r2\nr0 = 0\nexit', 3, 3, '2'],
  ['nothing of what an atomic fetches', 'r2 = 1\nr2 = atomic_fetch_add((u64 *)(r10 - 8), r2)\nexit', 2, 2, '?'],
])('knows %s', (_, body, slot, register, expected) => {
  expect(text(valuesOf(body).valueBefore(slot, register))).toBe(expected)
})

test('does not follow ways that the verifier has not', () => {
  const body = 'r6 = 1\nif r1 == 0 goto l\nr6 = 2\nl:\nr0 = r6\nexit'
  expect(text(valuesOf(body, [2]).valueBefore(3, 6))).toBe('1')
})

test('says where no run comes by', () => {
  const body = 'r6 = 1\nif r1 == 0 goto l\ngoto m\nm:\nr6 = 2\nl:\nr0 = r6\nexit'
  expect(valuesOf(body, [2, 3]).before(3)).toBeUndefined()
})

test('may be asked in any order', () => {
  const values = valuesOf('r6 = 1\nr6 = 2\nr6 = 3\nif r1 == 0 goto l\nr6 = 4\nl:\nr0 = r6\nexit')
  const forwards = [0, 1, 2, 3, 4, 5].map((slot) => text(values.valueBefore(slot, 6)))
  expect(forwards).toEqual(['?', '1', '2', '3', '3', '?'])
  const backwards = [5, 4, 3, 2, 1, 0].map((slot) => text(values.valueBefore(slot, 6)))
  expect(backwards.reverse()).toEqual(forwards)
})
