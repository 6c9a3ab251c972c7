/** checkTree finds what is wrong: trees spoiled behind their back. */
import { afterEach, describe, expect, test } from 'vitest'
import { closeTestKernels, testKernel } from '../fixture.ts'
import { checkTree } from './check.ts'
import { GAPS, PIVOTS, parentOf, setEnd, setGapSlot } from './node.ts'
import { makeNodeStore } from './store.ts'
import { MapleTree } from './tree.ts'

afterEach(closeTestKernels)

describe('the check finds', () => {
  const grown = (): MapleTree => {
    const kernel = testKernel()
    const tree = new MapleTree(makeNodeStore(kernel.memory, kernel.pages)!, true)
    for (let index = 0; index < 200; index++) tree.storeRange(4 * index, 4 * index + (index % 3), 1)
    checkTree(tree)
    return tree
  }

  test.each<[string, RegExp, (tree: MapleTree) => void]>([
    ['a wrong gap', /gap/, (tree) => tree.store.f64[tree.root + GAPS]!++],
    ['pivots out of order', /slot/, (tree) => (tree.store.f64[tree.root + PIVOTS + 1]! = 0)],
    ['an entry lost', /empty/, (tree) => eraseRaw(tree, 8)],
    ['a leaf that ends in an empty range', /empty/, (tree) => eraseRaw(tree, lastOfLeaf(tree))],
    ['a wrong parent', /wrong parent/, (tree) => tree.store.i32[2 * tree.store.f64[tree.root + 10]!]!++],
    ['a wrong largest gap', /largest gap/, (tree) => setGapSlot(tree.store, tree.root, 0)],
    ['an under-filled node', /has 1 slots/, emptyFirstLeaf],
  ])('%s', (_name, message, spoil) => {
    const tree = grown()
    spoil(tree)
    expect(() => checkTree(tree)).toThrow(message)
  })

  function emptyFirstLeaf(tree: MapleTree): void {
    tree.load(0)
    setEnd(tree.store, tree.leaf, 0)
  }

  /** Empties a slot behind the tree's back. */
  function eraseRaw(tree: MapleTree, index: number): void {
    tree.load(index)
    tree.store.f64[tree.leaf + 16 + tree.slot] = 0
  }

  function lastOfLeaf(tree: MapleTree): number {
    tree.load(0)
    expect(parentOf(tree.store, tree.leaf)).not.toBe(0)
    return tree.leafLast
  }
})
