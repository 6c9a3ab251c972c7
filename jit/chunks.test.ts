import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Block } from '../isa/blocks.ts'
import { NO_SLOT } from '../isa/cfg.ts'
import { cutBlocks, ENTRIES, splitGraph } from './chunks.ts'
import { type FlowGraph, graphOf } from './flow-graph.ts'

/** Blocks one behind the other, of these lengths; each falls into the next one and branches to `to`. */
function blocksOf(lengths: readonly number[], to: readonly number[]): Block[] {
  let start = 0
  return lengths.map((length, index) => {
    const block = {
      start,
      last: start + length - 1,
      end: start + length,
      fall: index + 1 < lengths.length ? index + 1 : NO_SLOT,
      branch: index + 1 < lengths.length && to[index] !== undefined ? to[index]! : NO_SLOT,
    }
    start += length
    return block
  })
}

const lengths = fc.array(fc.integer({ min: 1, max: 1500 }), { minLength: 1, maxLength: 30 })
const shapes = lengths.chain((sizes) =>
  fc.record({ sizes: fc.constant(sizes), to: fc.array(fc.nat(sizes.length - 1), { maxLength: sizes.length }) }),
)

describe('cut blocks', () => {
  test('cover the same slots in the same order, with the same edges', () => {
    fc.assert(
      fc.property(shapes, ({ sizes, to }) => {
        const blocks = blocksOf(sizes, to)
        // Every third slot is a second half.
        const starts = (slot: number): boolean => slot % 3 !== 2 || blocks.some((block) => block.start === slot)
        const cut = cutBlocks(blocks, starts)
        expect(cut[0]!.start).toBe(0)
        cut.forEach((block, index) => {
          expect(starts(block.start)).toBe(true)
          const next = cut[index + 1]
          if (next !== undefined) expect(block.end).toBe(next.start)
          const whole = blocks.find(({ last, start }) => block.start >= start && block.start <= last)!
          if (block.last === whole.last) {
            const target = (at: number): number => (at === NO_SLOT ? NO_SLOT : blocks[at]!.start)
            expect(block.branch === NO_SLOT ? NO_SLOT : cut[block.branch]!.start).toBe(target(whole.branch))
            expect(block.fall === NO_SLOT ? NO_SLOT : cut[block.fall]!.start).toBe(target(whole.fall))
          } else {
            expect([block.fall, block.branch]).toEqual([index + 1, NO_SLOT])
            expect(block.last - block.start).toBeLessThan(510)
          }
        })
      }),
    )
  })
})

describe('pieces', () => {
  /** Follows the pieces as the function that calls them does; gives the slots of the blocks. */
  function walk(graph: FlowGraph, decisions: number, steps: number): number[] {
    const pieces = splitGraph(graph)
    const trace: number[] = []
    let entry = 0
    while (trace.length < steps) {
      const piece = pieces[Math.floor(entry / ENTRIES)]!.graph
      let label = entry % ENTRIES
      for (let node = 0; ; ) {
        const current = piece[node]!
        if (current.kind === 'leave') {
          entry = current.entry
          break
        }
        if (current.kind === 'block') {
          trace.push(current.block.start)
          if (current.next.length === 0 || trace.length >= steps) return trace
          const taken = (decisions >>> (trace.length % 31)) & 1
          node = current.next[current.next.length === 2 ? taken : 0]!
        } else if (current.kind === 'label') {
          label = current.value
          node = current.next[0]!
        } else node = current.kind === 'dispatch' ? current.next[label]! : current.next[0]!
      }
    }
    return trace
  }

  function walkWhole(graph: FlowGraph, decisions: number, steps: number): number[] {
    const trace: number[] = []
    for (let node = 0; trace.length < steps; ) {
      const current = graph[node]!
      if (current.kind !== 'block') throw new Error(`a ${current.kind}`)
      trace.push(current.block.start)
      if (current.next.length === 0) break
      node = current.next[current.next.length === 2 ? (decisions >>> (trace.length % 31)) & 1 : 0]!
    }
    return trace
  }

  test('go where the whole graph goes', () => {
    fc.assert(
      fc.property(shapes, fc.integer(), ({ sizes, to }, decisions) => {
        const graph = graphOf(blocksOf(sizes, to))
        expect(walk(graph, decisions, 60)).toEqual(walkWhole(graph, decisions, 60))
      }),
    )
  })

  test('are of some thousand instructions', () => {
    const pieces = splitGraph(graphOf(blocksOf(new Array(40).fill(400), [])))
    const sizes = pieces.map(({ graph }) =>
      graph.reduce((sum, node) => sum + (node.kind === 'block' ? node.block.last - node.block.start + 1 : 0), 0),
    )
    expect(sizes).toEqual(new Array(8).fill(2000))
  })
})
