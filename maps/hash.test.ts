import { afterEach, describe, expect, test } from 'vitest'
import { makeCpus } from '../cpu/cpu.ts'
import { Processors } from '../cpu/processors.ts'
import { ERRNO } from '../errors/errors.ts'
import { closeKernel, type Kernel, makeKernel } from '../memalloc/kernel.ts'
import { PageOwner } from '../memalloc/pages.ts'
import { load32, store32 } from '../memory/access.ts'
import { createHashMap, type HashOptions } from './create-hash.ts'
import type { BpfMap, MapAttributes } from './map.ts'
import type { SupplyName } from './supplies.ts'
import { UserMap } from './user.ts'

const HASH: MapAttributes = {
  name: 'h',
  type: 'hash',
  keySize: 4,
  valueSize: 8,
  maxEntries: 8,
  flags: 0,
  extra: 0n,
}

let kernels: Kernel[] = []
afterEach(() => {
  for (const kernel of kernels) closeKernel(kernel)
  kernels = []
})

/** A map on a machine of its own, and what programs on it do with keys and values of 32 bits. */
class Rig {
  readonly kernel: Kernel
  readonly map: BpfMap
  readonly user: UserMap
  private readonly key: number
  private readonly value: number

  constructor(attributes: Partial<MapAttributes> = {}, options: HashOptions & { cpus?: number; limit?: number } = {}) {
    const processors = new Processors(makeCpus(options.cpus ?? 2, 1n))
    this.kernel = makeKernel({ processors, memoryLimit: options.limit ?? 0 })
    kernels.push(this.kernel)
    // At odd offsets: programs may keep keys and values anywhere.
    this.key = this.kernel.pages.alloc(4, PageOwner.STACK) + 1
    this.value = this.key + 32 * 1024
    this.map = createHashMap(this.kernel, { ...HASH, ...attributes }, options)
    this.user = new UserMap(this.kernel, this.map)
  }

  on<T>(cpu: number, work: () => T): T {
    return this.kernel.processors.run(cpu, 'task', 'test', work)
  }

  update(key: number, value: number, flags = 0, cpu = 0): number {
    this.setKey(key)
    store32(this.kernel.memory, this.value, value)
    return this.on(cpu, () => this.map.update(this.key, this.value, flags))
  }

  /** Offset of the element, as far from the first one as it is. */
  at(key: number, cpu = 0): number {
    this.setKey(key)
    return this.on(cpu, () => this.map.lookup(this.key))
  }

  get(key: number, cpu = 0): number | undefined {
    const at = this.at(key, cpu)
    return at === 0 ? undefined : load32(this.kernel.memory, at)
  }

  delete(key: number, cpu = 0): number {
    this.setKey(key)
    return this.on(cpu, () => this.map.delete(this.key))
  }

  get used(): number {
    return this.kernel.pages.statistics().used
  }

  private setKey(key: number): void {
    store32(this.kernel.memory, this.key, key)
  }
}

const SUPPLIES: readonly SupplyName[] = ['prealloc', 'bpf_mem_alloc', 'one-lock']

describe.each(SUPPLIES)('elements from %s', (elements) => {
  test('update, look-up, delete', () => {
    const rig = new Rig({}, { elements })
    expect([rig.get(1), rig.delete(1)]).toEqual([undefined, -ERRNO.ENOENT])
    expect([rig.update(1, 10), rig.update(2, 20), rig.update(1, 11)]).toEqual([0, 0, 0])
    expect([rig.get(1), rig.get(2), rig.get(3)]).toEqual([11, 20, undefined])
    expect([rig.delete(1), rig.get(1), rig.get(2)]).toEqual([0, undefined, 20])
  })
})
