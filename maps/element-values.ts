/**
 * Where values lie: in the element itself, or one a CPU in an area of per-CPU memory that the element points to.
 *
 *     plain      head | key | value                        per CPU     head | key | area ──> CPU 0: value
 *                                                                                            CPU 1: value
 */
import type { Kernel } from '../memalloc/kernel.ts'
import { HEAD_BYTES } from './hash-table.ts'
import { type MapAttributes, roundUp8 } from './map.ts'
import { copyValue, makeValueFields, type ValueFields } from './value-fields.ts'

export interface ElementValues {
  readonly perCpu: boolean
  /** Values may hold objects. */
  readonly hasFields: boolean
  /** In an element: of the value, or of the word that holds its area. */
  readonly offset: number
  /** Bytes of an element. */
  readonly elementBytes: number
  /** Bytes of a value as bpf(2) has it. */
  readonly userBytes: number
  /** Offset of the value on a CPU. */
  at(element: number, cpu: number): number
  /** A program writes a new element's value: other CPUs get zeros. */
  fill(element: number, value: number, cpu: number): void
  /** A program writes the value of a CPU in place. */
  overwrite(element: number, value: number, cpu: number): void
  /** bpf(2) writes a value, one a CPU. */
  writeUser(element: number, value: number): void
  readUser(element: number, out: number): void
  /** Makes the kptr fields of a new element empty: in its memory stands whatever was left there. */
  reset(element: number): void
  /** Adds the objects in the fields of an element. */
  collect(element: number, objects: number[]): void
  /** Gives back the objects in the fields of an element that is in no chain any more. */
  drop(element: number): void
}

export function makeElementValues(kernel: Kernel, attributes: MapAttributes, perCpu: boolean): ElementValues {
  const offset = HEAD_BYTES + roundUp8(attributes.keySize)
  const shape = { offset, valueSize: attributes.valueSize, fields: makeValueFields(kernel, attributes) }
  return perCpu ? new PerCpuValues(kernel, shape) : new PlainValues(kernel, shape)
}

interface ValueLayout {
  /** In the element: of the value, or of the word that holds its area. */
  readonly offset: number
  readonly valueSize: number
  readonly fields: ValueFields | undefined
}

class PlainValues implements ElementValues {
  readonly perCpu = false
  readonly hasFields: boolean
  readonly offset: number
  readonly elementBytes: number
  readonly userBytes: number
  private readonly kernel: Kernel
  private readonly fields: ValueFields | undefined

  constructor(kernel: Kernel, { offset, valueSize, fields }: ValueLayout) {
    this.kernel = kernel
    this.offset = offset
    this.fields = fields
    this.hasFields = fields !== undefined
    this.userBytes = valueSize
    this.elementBytes = offset + roundUp8(valueSize)
  }

  at(element: number): number {
    return element + this.offset
  }

  fill(element: number, value: number): void {
    this.writeUser(element, value)
  }

  overwrite(element: number, value: number): void {
    this.writeUser(element, value)
  }

  writeUser(element: number, value: number): void {
    copyValue(this.kernel, this.fields, element + this.offset, value, this.userBytes)
  }

  readUser(element: number, out: number): void {
    copyValue(this.kernel, this.fields, out, element + this.offset, this.userBytes)
    this.fields?.clear(out)
  }

  reset(element: number): void {
    this.fields?.clear(element + this.offset)
  }

  collect(element: number, objects: number[]): void {
    this.fields?.collect(element + this.offset, objects)
  }

  drop(element: number): void {
    this.fields?.drop(element + this.offset)
  }
}

/** The word of the element that holds the area lies where a plain value would. */
class PerCpuValues implements ElementValues {
  readonly perCpu = true
  readonly hasFields: boolean
  readonly offset: number
  readonly elementBytes: number
  readonly userBytes: number
  private readonly kernel: Kernel
  private readonly valueSize: number
  private readonly stride: number
  private readonly cpus: number
  private readonly fields: ValueFields | undefined

  constructor(kernel: Kernel, { offset, valueSize, fields }: ValueLayout) {
    this.kernel = kernel
    this.offset = offset
    this.fields = fields
    this.hasFields = fields !== undefined
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
      if (other === cpu) copyValue(this.kernel, this.fields, at, value, this.valueSize)
      else u8.fill(0, at, at + this.stride)
    }
  }

  writeUser(element: number, value: number): void {
    for (let cpu = 0; cpu < this.cpus; cpu++) {
      copyValue(this.kernel, this.fields, this.at(element, cpu), value + cpu * this.stride, this.stride)
    }
  }

  readUser(element: number, out: number): void {
    for (let cpu = 0; cpu < this.cpus; cpu++) {
      const to = out + cpu * this.stride
      copyValue(this.kernel, this.fields, to, this.at(element, cpu), this.stride)
      this.fields?.clear(to)
    }
  }

  reset(element: number): void {
    for (let cpu = 0; cpu < this.cpus; cpu++) this.fields?.clear(this.at(element, cpu))
  }

  collect(element: number, objects: number[]): void {
    for (let cpu = 0; cpu < this.cpus; cpu++) this.fields?.collect(this.at(element, cpu), objects)
  }

  drop(element: number): void {
    for (let cpu = 0; cpu < this.cpus; cpu++) this.fields?.drop(this.at(element, cpu))
  }

  overwrite(element: number, value: number, cpu: number): void {
    copyValue(this.kernel, this.fields, this.at(element, cpu), value, this.valueSize)
  }
}
