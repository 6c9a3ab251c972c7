/**
 * bpf_trace_printk's formatting, as Linux 6.18 has it.
 *
 *     %[flags][width]conversion         flags: 0 + - space #      no precision
 *     d i u x X        32 bits; with l or ll 64
 *     c s              a character; a string at an address
 *     p pK px          an address: hashed, hashed, plain      ps pS pB: plain, as no symbol lies there
 *     pks pus          a string at a kernel or user address
 *     pi4 pI4 pi6 pI6  an IP address in memory
 *
 * A format that is not of this form, or takes more values than there are, is refused whole: -EINVAL.
 */
import { ERRNO } from '../errors/errors.ts'
import type { Kernel } from '../memalloc/kernel.ts'
import { toBigInt, toBigUint } from '../memory/int64.ts'
import { KERNEL_HIGH } from '../memory/memory.ts'

/** Values that bpf_trace_printk takes. */
const MAX_VALUES = 3

/** Longest string that is printed, and longest line (the kernel's buffers). */
const MAX_TEXT = 1024

/** One conversion: flags, width, and which. */
const CONVERSION = /^([0+\- #]*)([1-9][0-9]*)?(p(?:[Kxs SB]|[ku]s|[iI][46])?|s|c|l{0,2}[diuxX])/u

/** What may follow %p and %s: the end, a space or punctuation. */
const BOUNDARY = /^(?:$|[\s!-/:-@[-`{-~])/u

/**
 * The text, or a negative error number.
 * @param at offset of the format in kernel memory, `size` bytes with a NUL among them
 * @param values halves of r3 to r5
 */
export function formatTrace(kernel: Kernel, at: number, size: number, values: Int32Array): string | number {
  const { u8 } = kernel.memory
  const end = u8.subarray(at, at + size).indexOf(0)
  if (end < 0) return -ERRNO.EINVAL
  const format = String.fromCharCode(...u8.subarray(at, at + end))
  let text = ''
  let used = 0
  for (let index = 0; index < format.length; ) {
    const char = format[index]!
    if (!isPrintable(char)) return -ERRNO.EINVAL
    index++
    if (char !== '%') {
      text += char
      continue
    }
    if (format[index] === '%') {
      text += '%'
      index++
      continue
    }
    const match = CONVERSION.exec(format.slice(index))
    if (match === null || used === MAX_VALUES) return -ERRNO.EINVAL
    const [whole, flags = '', width = '', conversion = ''] = match
    index += whole.length
    if (/^p$|^s$|[ku]s$/u.test(conversion) && !BOUNDARY.test(format.slice(index))) return -ERRNO.EINVAL
    const low = values[2 * used]!
    const high = values[2 * used + 1]!
    text += pad(convert(kernel, conversion, low, high, flags), flags, Number(width))
    used++
  }
  return text.slice(0, MAX_TEXT - 1)
}

/** Bytes from 0x80 on pass outside conversions. */
function isPrintable(char: string): boolean {
  const code = char.charCodeAt(0)
  return (code >= 0x20 && code !== 0x7f) || (code >= 9 && code <= 13)
}

function convert(kernel: Kernel, conversion: string, low: number, high: number, flags: string): string {
  switch (conversion[0]) {
    case 'c':
      return String.fromCharCode(low & 0xff)
    case 's':
      return stringAt(kernel, low, high)
    case 'p':
      return convertPointer(kernel, conversion, low, high)
    default:
      return convertInteger(conversion, low, high, flags)
  }
}

function convertInteger(conversion: string, low: number, high: number, flags: string): string {
  const wide = conversion.startsWith('l')
  const kind = conversion.at(-1)!
  if (kind === 'd' || kind === 'i') {
    const value = wide ? toBigInt(low, high) : BigInt(low)
    const sign = flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : ''
    return value < 0n ? String(value) : sign + String(value)
  }
  const value = wide ? toBigUint(low, high) : BigInt(low >>> 0)
  if (kind === 'u') return String(value)
  const digits = `${flags.includes('#') ? '0x' : ''}${value.toString(16)}`
  return kind === 'X' ? digits.toUpperCase() : digits
}

function convertPointer(kernel: Kernel, conversion: string, low: number, high: number): string {
  const address = toBigUint(low, high)
  switch (conversion.slice(1)) {
    case 'ks':
    case 'us':
      return stringAt(kernel, low, high)
    case 'x':
      return address.toString(16).padStart(16, '0')
    case 's':
    case 'S':
    case 'B':
      return `0x${address.toString(16)}`
    case 'i4':
    case 'I4':
      return ipv4(bytesAt(kernel, low, high, 4), conversion[1] === 'i')
    case 'i6':
    case 'I6':
      return ipv6(bytesAt(kernel, low, high, 16), conversion[1] === 'I')
    default:
      return hashed(low, high)
  }
}

/** %p hides addresses: the same one always prints the same, and nothing follows from it. */
function hashed(low: number, high: number): string {
  let mixed = Math.imul(low ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(high, 0xc2b2ae35)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x27d4eb2f)
  return ((mixed ^ (mixed >>> 13)) >>> 0).toString(16).padStart(16, '0')
}

/** The string at a kernel address; empty where nothing is readable. */
function stringAt(kernel: Kernel, low: number, high: number): string {
  let text = ''
  for (let at = low >>> 0; text.length < MAX_TEXT; at++) {
    if (high !== KERNEL_HIGH || !kernel.pages.isAllocated(at, 1)) break
    const byte = kernel.memory.u8[at]!
    if (byte === 0) break
    text += String.fromCharCode(byte)
  }
  return text
}

/** Bytes at a kernel address; zeros where nothing is readable. */
function bytesAt(kernel: Kernel, low: number, high: number, count: number): Uint8Array {
  const at = low >>> 0
  if (high !== KERNEL_HIGH || !kernel.pages.isAllocated(at, count)) return new Uint8Array(count)
  return kernel.memory.u8.slice(at, at + count)
}

/** %pI4 gives 127.0.0.1, %pi4 gives 127.000.000.001 */
function ipv4(bytes: Uint8Array, zeros: boolean): string {
  return Array.from(bytes, (byte) => (zeros ? String(byte).padStart(3, '0') : String(byte))).join('.')
}

/** %pI6 with colons, %pi6 without */
function ipv6(bytes: Uint8Array, colons: boolean): string {
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((bytes[2 * index]! << 8) | bytes[2 * index + 1]!).toString(16).padStart(4, '0'),
  )
  return groups.join(colons ? ':' : '')
}

function pad(text: string, flags: string, width: number): string {
  if (flags.includes('-')) return text.padEnd(width)
  if (!flags.includes('0')) return text.padStart(width)
  const sign = /^[+\- ]?(?:0x)?/u.exec(text)![0]
  return sign + text.slice(sign.length).padStart(width - sign.length, '0')
}
