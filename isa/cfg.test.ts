import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { anyProgram, propertyRuns } from './arbitrary.ts'
import {
  buildCfg,
  type Cfg,
  components,
  NO_SLOT,
  postorder,
  reachableFrom,
  subprogramStarts,
  successors,
} from './cfg.ts'
import { build, type Instruction, secondHalf } from './instruction.ts'
import { rowNamed } from './table.ts'

const exit = build(rowNamed('exit'))
const goto = (off: number): Instruction => build(rowNamed('goto'), { off })
const gotol = (imm: number): Instruction => build(rowNamed('gotol'), { imm })
const branch = (off: number): Instruction => build(rowNamed('jeq64_imm'), { off })
const mov = build(rowNamed('mov64_imm'))
const wide = [build(rowNamed('ld_imm64')), secondHalf(0)]

const cfgOf = (...program: readonly Instruction[]): Cfg => buildCfg(program)

describe('edges', () => {
  test.each([
    ['a plain instruction goes on', [mov, exit], [[1], []]],
    ['exit goes nowhere', [exit, exit], [[], []]],
    ['goto goes to its target only', [goto(1), exit, exit], [[2], [], []]],
    ['gotol has its displacement in imm', [gotol(1), exit, exit], [[2], [], []]],
    ['a conditional jump falls through first', [branch(1), exit, exit], [[1, 2], [], []]],
    ['... even to one slot twice', [branch(0), exit], [[1, 1], []]],
    ['... and to itself', [branch(-1), exit], [[1, 0], []]],
    ['may_goto is one', [build(rowNamed('may_goto'), { off: 1 }), exit, exit], [[1, 2], [], []]],
    ['a call comes back', [build(rowNamed('call_local'), { imm: 1 }), exit, exit], [[1], [], []]],
    ['callx comes back', [build(rowNamed('callx'), { dst: 1 }), exit], [[1], []]],
    ['a 64-bit immediate takes two slots', [...wide, exit], [[2], [], []]],
    ['edges out of the program are left out', [branch(7), mov], [[1], []]],
    ['... at both ends', [goto(-2), exit], [[], []]],
    ['... behind a last 64-bit immediate', [...wide], [[], []]],
  ] as const)('%s', (_, program, expected) => {
    const cfg = buildCfg(program)
    expect(program.map((__, slot) => successors(cfg, slot))).toEqual(expected)
  })
})

test('functions start where calls and function addresses point', () => {
  const program = [
    build(rowNamed('call_local'), { imm: 6 }),
    build(rowNamed('ld_func'), { dst: 2, imm: 3 }),
    secondHalf(0),
    build(rowNamed('call_helper'), { imm: 1 }),
    build(rowNamed('call_local'), { imm: 2 }),
    exit,
    exit,
    exit,
    build(rowNamed('call_local'), { imm: 100 }),
  ]
  expect(subprogramStarts(program)).toEqual([0, 5, 7])
  expect(subprogramStarts([])).toEqual([0])
})

describe('reachableFrom', () => {
  test('leaves out dead code and functions called', () => {
    const cfg = cfgOf(build(rowNamed('call_local'), { imm: 3 }), goto(1), mov, exit, mov, exit)
    expect([...reachableFrom(cfg, [0])]).toEqual([1, 1, 0, 1, 0, 0])
    expect([...reachableFrom(cfg, [0, 4])]).toEqual([1, 1, 0, 1, 1, 1])
  })
})

/** reach[a] has b when there is a way of one edge or more from a to b. */
function closure(cfg: Cfg): Set<number>[] {
  return Array.from({ length: cfg.size }, (_, start) => {
    const found = new Set<number>()
    const visit = (slot: number): void => {
      for (const next of successors(cfg, slot)) {
        if (found.has(next)) continue
        found.add(next)
        visit(next)
      }
    }
    visit(start)
    return found
  })
}

describe('postorder', () => {
  test('walks the branch first', () => {
    // 0 forks to 1 and 2, which join in 3.
    expect([...postorder(cfgOf(branch(1), goto(1), mov, exit), 0)]).toEqual([3, 2, 1, 0])
    expect([...postorder(cfgOf(branch(2), mov, goto(1), mov, exit), 0)]).toEqual([4, 3, 2, 1, 0])
  })

  test('has each reachable slot once, the entry last', () => {
    fc.assert(
      fc.property(anyProgram, (program) => {
        const cfg = buildCfg(program)
        const order = [...postorder(cfg, 0)]
        const reachable = reachableFrom(cfg, [0])
        expect(order.toSorted((a, b) => a - b)).toEqual([...reachable.keys()].filter((slot) => reachable[slot] === 1))
        expect(order.at(-1)).toBe(0)
      }),
      { numRuns: propertyRuns(200) },
    )
  })

  test('of a program without loops has successors before their predecessors', () => {
    fc.assert(
      fc.property(anyProgram, (drawn) => {
        const { branch: targets } = buildCfg(drawn)
        const program = drawn.map((insn, slot) => (targets[slot] !== NO_SLOT && targets[slot]! <= slot ? mov : insn))
        const cfg = buildCfg(program)
        const place = new Map([...postorder(cfg, 0)].map((slot, index) => [slot, index]))
        for (const [slot, index] of place) {
          for (const next of successors(cfg, slot)) expect(place.get(next)).toBeLessThan(index)
        }
      }),
      { numRuns: propertyRuns(50) },
    )
  })
})

describe('components', () => {
  test.each([
    ['straight code has none', [mov, mov, exit], [0, 0, 0]],
    ['a jump to itself is one', [branch(-1), exit], [1, 0]],
    ['a loop', [mov, mov, branch(-2), exit], [0, 1, 1, 0]],
    ['loops one behind the other: the last is complete first', [branch(-1), branch(-1), exit], [2, 1, 0]],
    ['a loop in a loop is one', [mov, branch(-1), branch(-3), exit], [1, 1, 1, 0]],
    ['a loop in dead code counts too', [exit, mov, goto(-2)], [0, 1, 1]],
    ['the first half stands for a 64-bit immediate', [...wide, goto(-3), exit], [1, 0, 1, 0]],
  ] as const)('%s', (_, program, expected) => {
    expect([...components(buildCfg(program))]).toEqual(expected)
  })

  test('are the slots that reach each other', () => {
    fc.assert(
      fc.property(anyProgram, (program) => {
        const cfg = buildCfg(program)
        const reach = closure(cfg)
        const found = components(cfg)
        for (let a = 0; a < cfg.size; a++) {
          expect(found[a] !== 0).toBe(reach[a]!.has(a))
          for (let b = 0; b < a; b++) {
            const together = reach[a]!.has(b) && reach[b]!.has(a)
            expect(found[a] !== 0 && found[a] === found[b]).toBe(together)
          }
        }
      }),
      { numRuns: propertyRuns(100) },
    )
  })

  test('are numbered without gaps, what is reached before what reaches it', () => {
    fc.assert(
      fc.property(anyProgram, (program) => {
        const cfg = buildCfg(program)
        const found = components(cfg)
        const ids = new Set([...found].filter((id) => id !== 0))
        expect([...ids].sort((a, b) => a - b)).toEqual(Array.from(ids, (_, index) => index + 1))
        const reach = closure(cfg)
        for (const [a, id] of found.entries()) {
          for (const b of reach[a]!) if (id !== 0 && found[b] !== 0) expect(found[b]).toBeLessThanOrEqual(id)
        }
      }),
      { numRuns: propertyRuns(100) },
    )
  })
})

test('a million slots are walked without recursion', () => {
  const size = 1_000_000
  const cfg: Cfg = {
    size,
    fall: Int32Array.from({ length: size }, (_, slot) => (slot + 1 < size ? slot + 1 : NO_SLOT)),
    branch: Int32Array.from({ length: size }, (_, slot) => (slot + 1 < size ? NO_SLOT : 0)),
  }
  expect(postorder(cfg, 0)[0]).toBe(size - 1)
  expect(components(cfg).every((id) => id === 1)).toBe(true)
  expect(reachableFrom(cfg, [0]).every((seen) => seen === 1)).toBe(true)
})
