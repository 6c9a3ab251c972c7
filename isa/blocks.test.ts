import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { anyProgram, propertyRuns } from './arbitrary.ts'
import { type Block, basicBlocks, blocksFrom } from './blocks.ts'
import { buildCfg, NO_SLOT, reachableFrom, subprogramStarts, successors } from './cfg.ts'
import { build, type Instruction, secondHalf } from './instruction.ts'
import { rowNamed } from './table.ts'

const exit = build(rowNamed('exit'))
const goto = (off: number): Instruction => build(rowNamed('goto'), { off })
const branch = (off: number): Instruction => build(rowNamed('jeq64_imm'), { off })
const mov = build(rowNamed('mov64_imm'))
const wide = [build(rowNamed('ld_imm64')), secondHalf(0)]

const block = (start: number, last: number, end: number, fall: number, to: number): Block => ({
  start,
  last,
  end,
  fall,
  branch: to,
})

describe('basicBlocks', () => {
  test.each([
    ['straight code is one', [mov, ...wide, exit], [block(0, 3, 4, NO_SLOT, NO_SLOT)]],
    [
      'a diamond is four',
      [branch(2), mov, goto(1), mov, exit],
      [block(0, 0, 1, 1, 2), block(1, 2, 3, NO_SLOT, 3), block(3, 3, 4, 3, NO_SLOT), block(4, 4, 5, NO_SLOT, NO_SLOT)],
    ],
    [
      'a block that ends in a 64-bit immediate holds both slots',
      [...wide, branch(-1), exit],
      [block(0, 0, 2, 1, NO_SLOT), block(2, 2, 3, 2, 1), block(3, 3, 4, NO_SLOT, NO_SLOT)],
    ],
    ['dead code has none', [goto(1), mov, exit], [block(0, 0, 1, NO_SLOT, 1), block(2, 2, 3, NO_SLOT, NO_SLOT)]],
    ['a last slot that falls off the end', [mov], [block(0, 0, 1, NO_SLOT, NO_SLOT)]],
  ] as const)('%s', (_, program, expected) => {
    expect(basicBlocks(buildCfg(program), [0])).toEqual(expected)
  })

  test('those of one function are its own', () => {
    // Slot 0 calls the function at 3, which branches to its end.
    const program = [build(rowNamed('call_local'), { imm: 2 }), mov, exit, branch(1), mov, exit]
    const blocks = basicBlocks(buildCfg(program), [0, 3])
    expect(blocksFrom(blocks, 0)).toEqual([block(0, 2, 3, NO_SLOT, NO_SLOT)])
    expect(blocksFrom(blocks, 1)).toEqual([
      block(3, 3, 4, 1, 2),
      block(4, 4, 5, 2, NO_SLOT),
      block(5, 5, 6, NO_SLOT, NO_SLOT),
    ])
  })

  test('cover what is reachable, once, and agree with the edges', () => {
    fc.assert(
      fc.property(anyProgram, (program) => {
        const cfg = buildCfg(program)
        const entries = subprogramStarts(program)
        const blocks = basicBlocks(cfg, entries)
        const covered: number[] = []
        for (const { start, last, fall, branch: to } of blocks) {
          for (let slot = start; slot !== last; slot = successors(cfg, slot)[0]!) {
            expect(successors(cfg, slot)).toHaveLength(1)
            covered.push(slot)
          }
          covered.push(last)
          const heads = [fall, to].filter((index) => index !== NO_SLOT).map((index) => blocks[index]!.start)
          expect(heads).toEqual(successors(cfg, last))
        }
        const reachable = reachableFrom(cfg, entries)
        expect(covered).toEqual([...reachable.keys()].filter((slot) => reachable[slot] === 1))
      }),
      { numRuns: propertyRuns(200) },
    )
  })
})
