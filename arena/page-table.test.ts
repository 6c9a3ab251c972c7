import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { closeTestKernels, testKernel } from './fixture.ts'
import { PAGE_TABLE_ORDER, PageTable, Present, WINDOW_PAGES } from './page-table.ts'

afterEach(closeTestKernels)

function testTable(): PageTable {
  const kernel = testKernel()
  return new PageTable(kernel.memory, kernel.pages.alloc(PAGE_TABLE_ORDER, 4))
}

const byte = (table: PageTable, page: number): number => table.bytes[table.base + page]!

describe('page table', () => {
  test('a page between two present ones has all bits', () => {
    const table = testTable()
    table.add(10, 3)
    expect([9, 10, 11, 12, 13].map((page) => byte(table, page))).toEqual([
      Present.NEXT,
      Present.THIS | Present.NEXT,
      Present.ALL,
      Present.THIS | Present.PREVIOUS,
      Present.PREVIOUS,
    ])
    table.check()
  })

  test('the first and the last page of the window never have all bits', () => {
    const table = testTable()
    table.add(0, 2)
    table.add(WINDOW_PAGES - 2, 2)
    expect([byte(table, 0), byte(table, WINDOW_PAGES - 1)]).toEqual([3, 5])
    table.check()
  })

  test('against a set of pages', () => {
    const table = testTable()
    const present = new Set<number>()
    const bases = [0, 1000, WINDOW_PAGES - 40]
    const operation = fc.tuple(fc.constantFrom(...bases), fc.nat(39), fc.integer({ min: 1, max: 6 }), fc.boolean())
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 30 }), (operations) => {
        for (const [base, offset, length, add] of operations) {
          const pages = Array.from({ length: Math.min(length, 40 - offset) }, (_, index) => base + offset + index)
          if (add && !pages.some((page) => present.has(page))) {
            table.add(pages[0]!, pages.length)
            for (const page of pages) present.add(page)
          } else if (!add && pages.every((page) => present.has(page))) {
            table.remove(pages[0]!, pages.length)
            for (const page of pages) present.delete(page)
          }
        }
        table.check()
        expect(table.count).toBe(present.size)
        for (const page of present) expect(table.has(page)).toBe(true)
        const [least] = [...present].sort((a, b) => a - b)
        expect(table.next(0, WINDOW_PAGES - 1)).toBe(least ?? -1)
      }),
      { numRuns: process.env.HARENA_LONG === undefined ? 50 : 500 },
    )
  })

  test('mistakes of ours are found', () => {
    const table = testTable()
    table.add(5, 1)
    expect(() => table.add(4, 2)).toThrow(/present already/)
    expect(() => table.remove(5, 2)).toThrow(/absent already/)
    table.bytes[table.base + 77] = Present.NEXT
    expect(() => table.check()).toThrow(/byte 77/)
  })
})
