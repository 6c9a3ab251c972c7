/**
 * Where values lie: in the element itself, or one a CPU in an area of per-CPU memory that the element points to.
 *
 *     plain      head | key | value                        per CPU     head | key | area ──> CPU 0: value
 *                                                                                            CPU 1: value
 */
import type { Kernel } from '../memalloc/kernel.ts'
import type { Memory } from '../memory/memory.ts'
import { HEAD_BYTES } from './hash-table.ts'
import { type MapAttributes, roundUp8 } from './map.ts'

export interface ElementValues {
  readonly perCpu: boolean
  /** Bytes of an element. */
  readonly elementBytes: number
  /** Bytes of a value as bpf(2) has it. */
  readonly userBytes: number
  /** Offset of the value on a CPU. */
  at(element: number, cpu: number): number
  /** A program writes a new element's value: other CPUs get zeros. */
  fill(element: number, value: number, cpu: number): void
  /** bpf(2) writes a value, one a CPU. */
  writeUser(element: number, value: number): void
  readUser(element: number, out: number): void
}

export function makeElementValues(kernel: Kernel, attributes: MapAttributes, perCpu: boolean): ElementValues {
  const { keySize, valueSize } = attributes
  const offset = HEAD_BYTES + roundUp8(keySize)
  return perCpu ? new PerCpuValues(kernel, offset, valueSize) : new PlainValues(kernel.memory, offset, valueSize)
}

class PlainValues implements ElementValues {
  readonly perCpu = false
  readonly elementBytes: number
  readonly userBytes: number
  private readonly memory: Memory
  private readonly offset: number

  constructor(memory: Memory, offset: number, valueSize: number) {
    this.memory = memory
    this.offset = offset
    this.userBytes = valueSize
    this.elementBytes = offset + roundUp8(valueSize)
  }

  at(element: number): number {
    return element + this.offset
  }

  fill(element: number, value: number): void {
    this.writeUser(element, value)
  }

  writeUser(element: number, value: number): void {
    this.memory.u8.copyWithin(element + this.offset, value, value + this.userBytes)
  }

  readUser(element: number, out: number): void {
    const from = element + this.offset
    this.memory.u8.copyWithin(out, from, from + this.userBytes)
  }
}

/** The word of the element that holds the area lies where a plain value would. */
class PerCpuValues implements ElementValues {
  readonly perCpu = true
  readonly elementBytes: number
  readonly userBytes: number
  private readonly kernel: Kernel
  private readonly offset: number
  private readonly valueSize: number
  private readonly stride: number
  private readonly cpus: number

  constructor(kernel: Kernel, offset: number, valueSize: number) {
    this.kernel = kernel
    this.offset = offset
    this.valueSize = valueSize
    this.stride = roundUp8(valueSize)
    this.cpus = kernel.processors.cpus.length
    this.elementBytes = offset + 8
    this.userBytes = this.stride * this.cpus
  }

  at(element: number, cpu: number): number {
    return this.kernel.percpu.copyOf(this.kernel.steps.load32(element + this.offset) >>> 0, cpu)
  }

  fill(element: number, value: number, cpu: number): void {
    const { u8 } = this.kernel.memory
    for (let other = 0; other < this.cpus; other++) {
      const at = this.at(element, other)
      if (other === cpu) u8.copyWithin(at, value, value + this.valueSize)
      else u8.fill(0, at, at + this.stride)
    }
  }

  writeUser(element: number, value: number): void {
    const { u8 } = this.kernel.memory
    for (let cpu = 0; cpu < this.cpus; cpu++) {
      const from = value + cpu * this.stride
      u8.copyWithin(this.at(element, cpu), from, from + this.stride)
    }
  }

  readUser(element: number, out: number): void {
    const { u8 } = this.kernel.memory
    for (let cpu = 0; cpu < this.cpus; cpu++) {
      const from = this.at(element, cpu)
      u8.copyWithin(out + cpu * this.stride, from, from + this.stride)
    }
  }
}
