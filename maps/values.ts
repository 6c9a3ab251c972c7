/** Keys and values as JavaScript has them, and as bytes. */
import { HarenaError } from '../errors/errors.ts'
import type { Memory } from '../memory/memory.ts'
import type { MapType } from '../program/types.ts'

/** A number or bigint is written little-endian in as many bytes as the map asks for; negative ones in two's complement. */
export type Data = number | bigint | Uint8Array

/** What a map gives back: a number or bytes, of per-CPU maps one a CPU. */
export type Value = bigint | Uint8Array | readonly (bigint | Uint8Array)[]

/** Types whose values are one a CPU. */
export function isPerCpu(type: MapType): boolean {
  return PER_CPU.includes(type)
}

const PER_CPU: readonly MapType[] = ['percpu_hash', 'percpu_array', 'lru_percpu_hash', 'percpu_cgroup_storage']

/** Exactly `size` bytes. HarenaError where a number does not fit, or there are not that many bytes. `what` names it. */
export function toBytes(data: Data, size: number, what: string): Uint8Array {
  if (data instanceof Uint8Array) {
    if (data.length !== size) throw new HarenaError(`${what} has ${size} bytes, not ${data.length}`)
    return data
  }
  if (typeof data === 'number' && !Number.isSafeInteger(data)) {
    throw new HarenaError(`${what}: ${data} is not an integer that a number holds exactly`)
  }
  const value = BigInt(data)
  const bits = 8 * size
  if (BigInt.asUintN(bits, value) !== value && BigInt.asIntN(bits, value) !== value) {
    throw new HarenaError(`${what}: ${data} does not fit in ${size} bytes`)
  }
  const bytes = new Uint8Array(size)
  // Beyond 64 bits there is nothing but the sign.
  if (value < 0n) bytes.fill(0xff)
  const rest = BigInt.asUintN(Math.min(bits, 64), value)
  putWord(bytes, 0, Math.min(size, 8), Number(rest & 0xffff_ffffn), Number(rest >> 32n))
  return bytes
}

/** As `toBytes`, into memory at a multiple of 8: what numbers and words mostly are needs no bytes in between. */
export function putBytes({ u8, i32, i64 }: Memory, at: number, data: Data, size: number, what: string): void {
  const isNumber = typeof data === 'number' && data >= 0 && data <= 0xffff_ffff && Number.isInteger(data)
  if (isNumber && size === 4) {
    i32[at / 4] = data
  } else if (isNumber && size === 8) {
    i32[at / 4] = data
    i32[at / 4 + 1] = 0
  } else if (typeof data === 'bigint' && size === 8 && BigInt.asUintN(64, data) === data) {
    i64[at / 8] = data
  } else {
    u8.set(toBytes(data, size, what), at)
  }
}

/** As `toValue`, of bytes in memory at a multiple of 8; they are copied. */
export function valueAt({ u8, i32, i64 }: Memory, at: number, size: number): bigint | Uint8Array {
  if (size === 8) return BigInt.asUintN(64, i64[at / 8]!)
  if (size === 4) return BigInt(i32[at / 4]! >>> 0)
  return toValue(u8.slice(at, at + size))
}

/** Little-endian: the lowest `size` bytes of a word in two halves. */
function putWord(bytes: Uint8Array, at: number, size: number, low: number, high: number): void {
  for (let index = 0; index < size; index++) bytes[at + index] = (index < 4 ? low : high) >>> (8 * (index % 4))
}

/** 1, 2, 4 or 8 bytes as an unsigned bigint; bytes of any other size as they are. */
export function toValue(bytes: Uint8Array): bigint | Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  switch (bytes.length) {
    case 1:
      return BigInt(view.getUint8(0))
    case 2:
      return BigInt(view.getUint16(0, true))
    case 4:
      return BigInt(view.getUint32(0, true))
    case 8:
      return view.getBigUint64(0, true)
    default:
      return bytes
  }
}

/** As `toValue`, but what a number holds exactly is a number: indices are what people count with. */
export function toKey(bytes: Uint8Array): Data {
  const value = toValue(bytes)
  return typeof value === 'bigint' && bytes.length <= 4 ? Number(value) : value
}

/** What of a map decides how its values are passed. */
export interface ValueShape {
  readonly name: string
  readonly type: MapType
  readonly valueSize: number
}

/** A value as bpf(2) gives it: of per-CPU maps those of all CPUs, each rounded up to 8 bytes. */
export function toUserValue({ type, valueSize }: ValueShape, bytes: Uint8Array): Value {
  if (!isPerCpu(type)) return toValue(bytes)
  const stride = Math.ceil(valueSize / 8) * 8
  return Array.from({ length: bytes.length / stride }, (_, cpu) =>
    toValue(bytes.slice(cpu * stride, cpu * stride + valueSize)),
  )
}

/** A value as bpf(2) takes it, `size` bytes: one for every CPU, or one for all. */
export function fromUserValue(
  { name, type, valueSize }: ValueShape,
  value: Data | readonly Data[],
  size: number,
): Uint8Array {
  const what = `a value of map ${name}`
  const one = (data: Data): Uint8Array => toBytes(data, valueSize, what)
  if (!isPerCpu(type)) {
    if (isList(value)) throw new HarenaError(`${what} is one value: the map is not per CPU`)
    return one(value)
  }
  if (value instanceof Uint8Array && value.length === size) return value
  const stride = Math.ceil(valueSize / 8) * 8
  const cpus = size / stride
  if (isList(value) && value.length !== cpus) {
    throw new HarenaError(`${what} has a value for each of ${cpus} CPUs, not ${value.length}`)
  }
  const bytes = new Uint8Array(size)
  for (let cpu = 0; cpu < cpus; cpu++) bytes.set(one(isList(value) ? value[cpu]! : value), cpu * stride)
  return bytes
}

function isList(value: Data | readonly Data[]): value is readonly Data[] {
  return Array.isArray(value)
}
