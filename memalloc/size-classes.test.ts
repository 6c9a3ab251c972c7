import { describe, expect, test } from 'vitest'
import { BPF_SIZES, sizeClass, watermarksOf } from './size-classes.ts'

describe('size classes', () => {
  const unitOf = (bytes: number, percpu = false): number => BPF_SIZES[sizeClass(bytes, percpu)] ?? 0

  test.each([
    [0, 0, 0],
    [1, 8, 16],
    [9, 24, 32],
    [25, 56, 64],
    [57, 88, 96],
    [89, 120, 128],
    [121, 184, 192],
    [185, 248, 256],
    [249, 504, 512],
    [505, 1016, 1024],
    [1017, 2040, 2048],
    [2041, 4088, 4096],
    [4089, 4096, 0],
  ])('requests of %i to %i bytes: %i', (from, to, unit) => {
    for (let bytes = from; bytes <= to; bytes++) expect(unitOf(bytes)).toBe(unit)
  })

  test.each([
    [1, 16],
    [16, 16],
    [17, 32],
    [65, 96],
    [129, 192],
    [193, 256],
    [4096, 4096],
    [4097, 0],
    [0, 0],
    [Number.NaN, 0],
  ])('per-CPU requests of %i bytes: %i', (bytes, unit) => {
    expect(unitOf(bytes, true)).toBe(unit)
  })
})

test.each([
  [16, 32, 96, 48, 4],
  [256, 32, 96, 48, 4],
  [264, 31, 93, 45, 1],
  [300, 27, 81, 39, 1],
  [464, 17, 52, 24, 1],
  [512, 16, 48, 24, 1],
  [1024, 8, 24, 12, 1],
  [2048, 4, 12, 6, 1],
  [3000, 2, 8, 3, 1],
  [4096, 2, 6, 3, 1],
  [8192, 1, 3, 1, 1],
  [16384, 1, 3, 1, 1],
])('units of %i bytes: low %i, high %i, batch %i, prefill %i', (unit, low, high, batch, prefill) => {
  expect(watermarksOf(unit, false)).toEqual({ low, high, batch, prefill })
  expect(watermarksOf(unit, true)).toEqual({ low: 1, high: 3, batch: 1, prefill: 1 })
})
