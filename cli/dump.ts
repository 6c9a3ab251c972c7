/** `--dump NAME`: a global, all globals, a map's entries, an arena's pages. */
import { ErrnoError, type Global, type LoadedObject } from '../index.ts'
import type { LinuxGlobal, LinuxObject } from '../linux/index.ts'
import { UsageError } from './options.ts'

const PAGE = 4096n
const ROW = 16

export interface Dumped {
  readonly name: string
  /** For machines. */
  readonly json: unknown
  /** For people. */
  readonly lines: readonly string[]
}

/** What `--dump NAME` shows. @throws UsageError when the object has nothing of that name */
export function dump(loaded: LoadedObject | LinuxObject, name: string): Dumped[] {
  const global = loaded.globals.get(name)
  if (global !== undefined) return [dumpGlobal(global)]
  const map = loaded.maps.get(name)
  if (map !== undefined) return [map.info.type === 'arena' ? dumpArena(loaded, name) : dumpMap(loaded, name)]
  if (name === 'globals') return [...loaded.globals.values()].map(dumpGlobal)
  const names = [...loaded.globals.keys(), ...loaded.maps.keys(), 'globals']
  throw new UsageError(`--dump ${name}: there is no such global or map; there are ${names.join(', ')}`)
}

export function renderDump(item: Dumped): string[] {
  return item.lines.length === 1
    ? [`  ${item.name} = ${item.lines[0]}`]
    : [`  ${item.name}:`, ...item.lines.map((line) => `    ${line}`)]
}

function dumpGlobal(global: Global | LinuxGlobal): Dumped {
  const text = globalText(global)
  return { name: global.name, json: text, lines: [text] }
}

/** A global's value: a number where it is one, else its bytes. */
export function globalText(global: Global | LinuxGlobal): string {
  const bytes = global.bytes()
  return global.spec.aggregate === true ? bytesText(bytes) : valueText(bytes)
}

function dumpMap(loaded: LoadedObject | LinuxObject, name: string): Dumped {
  const size = aggregateSize(loaded, name)
  const text = (value: bigint | Uint8Array): string =>
    size === undefined ? keyText(value) : bytesText(bytesOf(value, size))
  const listed = listEntries(loaded, name)
  if (listed instanceof ErrnoError) {
    return { name, json: { error: listed.message }, lines: [`(cannot be listed: ${listed.message})`] }
  }
  // Values of per-CPU maps come as a list, by CPU.
  const entries = listed.map(([key, value]) => [keyText(key), isValue(value) ? text(value) : value.map(text)] as const)
  return {
    name,
    json: Object.fromEntries(entries),
    lines: entries.map(([key, value]) => `${key}: ${typeof value === 'string' ? value : `[${value.join(', ')}]`}`),
  }
}

type Entry = readonly [number | bigint | Uint8Array, bigint | Uint8Array | readonly (bigint | Uint8Array)[]]

/** A map's entries, or why the kernel does not list them: a ring buffer has none, a queue no keys. */
function listEntries(loaded: LoadedObject | LinuxObject, name: string): readonly Entry[] | ErrnoError {
  try {
    return [...loaded.map(name).entries()]
  } catch (error) {
    if (error instanceof ErrnoError) return error
    throw error
  }
}

function isValue(value: bigint | Uint8Array | readonly (bigint | Uint8Array)[]): value is bigint | Uint8Array {
  return typeof value === 'bigint' || value instanceof Uint8Array
}

/** Bytes of a value that the object's types call an array or a struct; undefined for numbers, and without types. */
function aggregateSize({ spec }: LoadedObject | LinuxObject, name: string): number | undefined {
  const map = spec.maps.find((each) => each.name === name)
  const kind = map === undefined ? undefined : spec.btf?.types[map.valueTypeId]?.kind
  return kind === 'array' || kind === 'struct' ? map?.valueSize : undefined
}

/** Maps give numbers wherever the size allows it. */
function bytesOf(value: bigint | Uint8Array, size: number): Uint8Array {
  if (value instanceof Uint8Array) return value
  return Uint8Array.from({ length: size }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn))
}

function dumpArena(loaded: LoadedObject | LinuxObject, name: string): Dumped {
  const arena = loaded.map(name).mmap()
  const pages: { address: string; bytes: string }[] = []
  const lines: string[] = []
  for (const page of arena.presentPages()) {
    const address = arena.start + BigInt(page) * PAGE
    const bytes = arena.bytes(address, Number(PAGE))
    pages.push({ address: `0x${address.toString(16)}`, bytes: Buffer.from(bytes).toString('hex') })
    lines.push(`page ${page} at 0x${address.toString(16)}`, ...hexRows(address, bytes))
  }
  return { name, json: pages, lines: [pages.length === 1 ? '1 page' : `${pages.length} pages`, ...lines] }
}

/** Rows of 16 bytes, runs of zero rows as one `*`. */
function hexRows(address: bigint, bytes: Uint8Array): string[] {
  const rows: string[] = []
  for (let at = 0; at < bytes.length; at += ROW) {
    const row = bytes.subarray(at, at + ROW)
    if (row.every((byte) => byte === 0)) {
      if (rows.at(-1) !== '  *') rows.push('  *')
      continue
    }
    const digits = Array.from(row, (byte) => byte.toString(16).padStart(2, '0')).join(' ')
    rows.push(`  0x${(address + BigInt(at)).toString(16)}  ${digits}`)
  }
  return rows
}

function keyText(value: number | bigint | Uint8Array): string {
  return value instanceof Uint8Array ? valueText(value) : `0x${value.toString(16)}`
}

/** A little-endian number where the bytes have the size of one, else the bytes. */
function valueText(bytes: Uint8Array): string {
  if (![1, 2, 4, 8].includes(bytes.length)) return bytesText(bytes)
  let value = 0n
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] ?? 0)
  return `0x${value.toString(16)}`
}

function bytesText(bytes: Uint8Array): string {
  return `hex:${Buffer.from(bytes).toString('hex')}`
}
