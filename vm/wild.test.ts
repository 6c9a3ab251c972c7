/**
 * Wild programs, run unchecked: whatever they do, they end with a value or with an error that is the user's, and what
 * they leave behind does not keep the machine from running the next program.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FaultError, HarenaError, InternalError } from '../errors/errors.ts'
import { anyProgram, propertyRuns } from '../isa/arbitrary.ts'
import { build, type Instruction, secondHalf } from '../isa/instruction.ts'
import { Pseudo } from '../isa/opcode.ts'
import { Kind } from '../isa/table.ts'
import { jit } from '../jit/engine.ts'
import type { Reference } from '../program/object.ts'
import type { Engine } from './engine.ts'
import { op } from './fixture.ts'
import { IMPLEMENTED_HELPERS } from './helpers.ts'
import { interpreter } from './interpreter-engine.ts'
import { MachineCore } from './machine.ts'
import type { MapHandle } from './map-handle.ts'

/** Time passes at each look at it, so an endless loop ends at the first. */
function wildMachine(engine: Engine): MachineCore {
  let now = 0
  const verify = (): never => {
    throw new InternalError('wild programs are not verified')
  }
  return new MachineCore({ hostTime: () => now++ }, { verify, engines: [engine] })
}

const ARRAY = { name: 'array', type: 'array', keySize: 4, valueSize: 64, maxEntries: 4, flags: 0, extra: 0n } as const
const ARENA = {
  name: 'arena',
  type: 'arena',
  keySize: 0,
  valueSize: 0,
  maxEntries: 16,
  flags: 0x400,
  extra: 0x1_0000n,
} as const

/** r1 to r5 are a map and addresses, so that calls and accesses have something to hit; then the program. */
function withPointers(program: readonly Instruction[]): { insns: Instruction[]; references: Reference[] } {
  const address = (dst: number, row: string): Instruction[] => [op(row, { dst }), secondHalf(0)]
  // r9 keeps the context.
  const head = [
    op('mov64_reg', { dst: 9, src: 1 }),
    ...address(6, 'ld_map_fd'),
    ...address(7, 'ld_map_value'),
    ...address(8, 'ld_map_fd'),
  ]
  head.push(...[1, 3].map((dst) => op('mov64_reg', { dst, src: 6 })), op('mov64_reg', { dst: 2, src: 7 }))
  // Where the arena's first page ends; behind it is one that is not there.
  head.push(op('ld_imm64', { dst: 5, imm: 0x1_0ff8 }), secondHalf(0), op('cast_kern', { dst: 5, src: 5 }))
  const references: Reference[] = [
    { slot: 1, kind: 'map', name: 'single' },
    { slot: 3, kind: 'map-value', name: 'single', offset: 0 },
    { slot: 5, kind: 'map', name: 'arena' },
  ]
  return { insns: [...head, ...program.map(known)], references }
}

const HELPERS: readonly number[] = [...IMPLEMENTED_HELPERS]

/** Calls go to something that is there, and immediates stand for themselves: else every program would be refused. */
function known(insn: Instruction): Instruction {
  const { row } = insn
  const pick = Math.abs(insn.imm)
  if (row.kind === Kind.CALL_HELPER && pick % 16 !== 0) return build(row, { imm: HELPERS[pick % HELPERS.length]! })
  if (row.kind === Kind.CALL_KFUNC) return build(row, { imm: 1 + (pick % 3) })
  const standsForSomething = row.kind === Kind.LD_IMM64 && row.pseudo !== Pseudo.NONE && row.pseudo !== Pseudo.FUNC
  return standsForSomething ? op('ld_imm64', { dst: insn.dst, imm: insn.imm, imm2: insn.imm2 }) : insn
}

/** What maps hold, and pages of arenas. */
function memoryOf(maps: ReadonlyMap<string, MapHandle>): unknown {
  return [...maps].map(([name, map]) => {
    if (map.info.type !== 'arena') return [name, [...map.keys()].map((key) => map.getBytes(key))]
    const arena = map.mmap()
    return [name, [...arena.presentPages()].map((page) => [page, arena.bytes(arena.start + BigInt(page * 4096), 4096)])]
  })
}

/** How a run ends, and what it leaves of its input and of memory. */
function ending(engine: Engine, program: readonly Instruction[], type: 'syscall' | 'xdp' | 'socket'): unknown {
  const machine = wildMachine(engine)
  const bytes = new Uint8Array(64)
  let maps: ReadonlyMap<string, MapHandle> = new Map()
  try {
    maps = new Map([
      ['array', machine.createMap(ARRAY)],
      ['single', machine.createMap({ ...ARRAY, name: 'single', maxEntries: 1 })],
      ['arena', machine.createMap(ARENA)],
    ])
    const arena = maps.get('arena')!.mmap({ address: ARENA.extra, fixed: true })
    for (const page of [0n, 2n]) arena.setU64(arena.start + page * 4096n + 4088n, 0x1234_5678_9abcn)
    const image = { name: 'wild', type, ...withPointers(program) } as const
    const loaded = machine.loadProgram(image, maps, { unchecked: true })
    const { r0, data, ctx } = loaded.run({ timeoutMs: 3, ...(type === 'syscall' ? { ctx: bytes } : { data: bytes }) })
    return { r0, data, ctx, memory: memoryOf(maps) }
  } catch (error) {
    if (!(error instanceof HarenaError)) throw error
    // Which of its rounds an endless program is in when its time is up is no engine's promise.
    if (!(error instanceof FaultError) || error.kind === 'timeout') return error.message.replace(/ at .*/u, '')
    const { message, instruction, address, text } = error
    return { kind: error.kind, message, instruction, address, text, memory: memoryOf(maps) }
  } finally {
    machine.close()
  }
}

test('wild programs end alike on both engines', () => {
  let values = 0
  fc.assert(
    fc.property(anyProgram, fc.constantFrom('syscall', 'xdp', 'socket'), (program, type) => {
      const expected = ending(interpreter, program, type)
      expect(ending(jit, program, type)).toEqual(expected)
      if (Object.hasOwn(Object(expected), 'r0')) values++
    }),
    { numRuns: propertyRuns(300) },
  )
  expect(values).toBeGreaterThan(10)
})

describe.each([interpreter, jit])('wild programs on the $name', (engine) => {
  test('end, and harm nobody', () => {
    const ends = { value: 0, fault: 0, refused: 0 }
    fc.assert(
      fc.property(anyProgram, fc.constantFrom('syscall', 'xdp', 'socket'), (program, type) => {
        const machine = wildMachine(engine)
        try {
          const maps = new Map([
            ['array', machine.createMap(ARRAY)],
            ['single', machine.createMap({ ...ARRAY, name: 'single', maxEntries: 1 })],
            ['arena', machine.createMap(ARENA)],
          ])
          const image = { name: 'wild', type, ...withPointers(program) } as const
          const loaded = machine.loadProgram(image, maps, { unchecked: true })
          // A hook makes the looks at the clock more frequent.
          const input = type === 'syscall' ? { ctx: new Uint8Array(64) } : { data: new Uint8Array(64) }
          loaded.run({ timeoutMs: 1, ...input, ...(engine.hooks ? { hook: () => undefined } : {}) })
          ends.value++
        } catch (error) {
          if (!(error instanceof HarenaError)) throw error
          if (error instanceof FaultError) {
            ends.fault++
            expect(error.message).toMatch(engine.hooks ? / at instruction \d+/ : /^timed out$| at instruction \d+/)
          } else ends.refused++
        } finally {
          const tame = {
            name: 'tame',
            type: 'syscall',
            insns: [op('mov64_imm', { dst: 0, imm: 3 }), op('exit')],
          } as const
          expect(machine.loadProgram(tame, new Map(), { unchecked: true }).run({ timeoutMs: 0 }).retval).toBe(3)
          machine.close()
        }
      }),
      { numRuns: propertyRuns(300) },
    )
    // Most programs run, and some of them go wrong.
    expect(Math.min(ends.value, ends.fault)).toBeGreaterThan(10)
    expect(ends.refused).toBeLessThan(ends.value)
  })

  test('a machine closes even when its memory was overwritten', () => {
    const machine = wildMachine(engine)
    const maps = new Map([
      ['single', machine.createMap({ ...ARRAY, name: 'single', maxEntries: 1 })],
      ['arena', machine.createMap(ARENA)],
    ])
    // From the map on all that the kernel keeps, the arena's ranges with it, up to a page that nobody has.
    const ones = [
      op('mov64_imm', { dst: 4, imm: -1 }),
      ...Array.from({ length: 4000 }, (_, n) => op('stx_u64', { dst: 3, src: 4, off: n * 8 })),
    ]
    const { insns, references } = withPointers([...ones, op('mov64_imm', { dst: 0, imm: 1 }), op('exit')])
    const image = { name: 'vandal', type: 'syscall', insns, references } as const
    expect(() => machine.loadProgram(image, maps, { unchecked: true }).run()).toThrow(FaultError)
    expect(() => machine.close()).not.toThrow()
  })
})
