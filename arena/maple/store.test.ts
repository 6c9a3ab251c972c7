import { afterEach, describe, expect, test } from 'vitest'
import { closeTestKernels, testKernel } from '../fixture.ts'
import { Kind, kindOf } from './node.ts'
import { makeNodeStore } from './store.ts'

afterEach(closeTestKernels)

describe('node store', () => {
  test('nodes of one page, then of more; freed ones come again', () => {
    const kernel = testKernel()
    const store = makeNodeStore(kernel.memory, kernel.pages)!
    const nodes = new Set<number>()
    for (let count = 0; count < 40; count++) {
      expect(store.ensure(1)).toBe(true)
      nodes.add(store.alloc(Kind.LEAF, 3))
    }
    expect([nodes.size, store.used]).toEqual([40, 40])
    const [first] = nodes
    store.free(first!)
    expect(kindOf(store, first!)).toBe(Kind.FREE)
    expect(store.alloc(Kind.ARANGE, 1)).toBe(first)
    expect(() => {
      store.free(first!)
      store.free(first!)
    }).toThrow(/freed twice/)
  })

  test('all pages go back', () => {
    const kernel = testKernel()
    const store = makeNodeStore(kernel.memory, kernel.pages)!
    store.ensure(100)
    expect(kernel.pages.statistics().used).toBe(7)
    store.destroy()
    expect(kernel.pages.statistics().used).toBe(0)
  })

  test('cells last, are zero at first, and run out', () => {
    const kernel = testKernel()
    const store = makeNodeStore(kernel.memory, kernel.pages)!
    const cells = Array.from({ length: 56 }, () => store.cell())
    expect(new Set(cells).size).toBe(56)
    expect(cells.map((cell) => store.i32[cell])).toEqual(cells.map(() => 0))
    expect(() => store.cell()).toThrow(/ran out of cells/)
  })

  test('no memory', () => {
    const none = testKernel(4096)
    none.pages.alloc(0, 7)
    expect(makeNodeStore(none.memory, none.pages)).toBeUndefined()
    const one = testKernel(4096)
    const store = makeNodeStore(one.memory, one.pages)!
    expect([store.ensure(15), store.ensure(16)]).toEqual([true, false])
    expect(() => {
      for (let count = 0; count < 16; count++) store.alloc(Kind.LEAF, 0)
    }).toThrow(/did not ensure/)
  })
})
