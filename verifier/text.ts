/**
 * How the kernel's log and messages write numbers, types and registers (Linux 6.18).
 *
 *     scalar(id=1,smin=umin=3,smax=umax=10,var_off=(0x0; 0xf))      map_value(map=m,ks=4,vs=64,off=24)
 *            ids  bounds, equal ones merged  what is known of bits  type word, then what the type has
 *
 * What is not said is at its type's limit, so a text can be read back without loss.
 */
import { toBigInt } from '../memory/int64.ts'
import type { MapInfo } from '../program/loadable.ts'
import {
  BTF_ID,
  baseType,
  FRAME,
  ID,
  LINK,
  MAP,
  MASK_HI,
  MASK_LO,
  MEM_SIZE,
  OFF,
  PRECISE,
  RANGE,
  REF_OBJ_ID,
  RegType,
  S32MAX,
  S32MIN,
  SMAX_LO,
  SMIN_LO,
  TYPE,
  TypeFlag,
  U32MAX,
  U32MIN,
  UMAX_LO,
  UMIN_LO,
  VALUE_HI,
  VALUE_LO,
} from './layout.ts'

/** What names need beyond the register's words. */
export interface RegisterNames {
  /** By MAP - 1. */
  readonly maps: readonly MapInfo[]
  /** Name of the struct that BTF_ID stands for. */
  structName(btfId: number): string
}

const WORDS: Readonly<Record<number, string>> = {
  [RegType.NOT_INIT]: '?',
  [RegType.SCALAR]: 'scalar',
  [RegType.CTX]: 'ctx',
  [RegType.CONST_MAP_PTR]: 'map_ptr',
  [RegType.MAP_VALUE]: 'map_value',
  [RegType.MAP_KEY]: 'map_key',
  [RegType.STACK]: 'fp',
  [RegType.PACKET_META]: 'pkt_meta',
  [RegType.PACKET]: 'pkt',
  [RegType.PACKET_END]: 'pkt_end',
  [RegType.FLOW_KEYS]: 'flow_keys',
  [RegType.SOCKET]: 'sock',
  [RegType.SOCK_COMMON]: 'sock_common',
  [RegType.TCP_SOCK]: 'tcp_sock',
  [RegType.TP_BUFFER]: 'tp_buffer',
  [RegType.XDP_SOCK]: 'xdp_sock',
  [RegType.BTF_ID]: 'ptr_',
  [RegType.MEM]: 'mem',
  [RegType.ARENA]: 'arena',
  [RegType.BUF]: 'buf',
  [RegType.FUNC]: 'func',
  [RegType.DYNPTR]: 'dynptr_ptr',
  [RegType.ALLOCATOR]: 'alloc_ptr',
}

/** In the order in which they are written. */
const PREFIXES: readonly (readonly [number, string])[] = [
  [TypeFlag.RDONLY, 'rdonly_'],
  [TypeFlag.RINGBUF, 'ringbuf_'],
  [TypeFlag.USER, 'user_'],
  [TypeFlag.PERCPU, 'percpu_'],
  [TypeFlag.RCU, 'rcu_'],
  [TypeFlag.UNTRUSTED, 'untrusted_'],
  [TypeFlag.TRUSTED, 'trusted_'],
]

/** The type word of a TYPE, as messages quote it: `scalar`, `map_value_or_null`, `trusted_ptr_or_null_`. */
export function typeName(type: number): string {
  const base = baseType(type)
  let prefix = ''
  for (const [flag, text] of PREFIXES) if ((type & flag) !== 0) prefix += text
  const suffix = (type & TypeFlag.MAYBE_NULL) === 0 ? '' : base === RegType.BTF_ID ? 'or_null_' : '_or_null'
  return `${prefix}${WORDS[base] ?? '?'}${suffix}`
}

/** A 64-bit number in hex, `0x` in front. */
export function hex64(lo: number, hi: number): string {
  if (hi === 0) return `0x${(lo >>> 0).toString(16)}`
  return `0x${(hi >>> 0).toString(16)}${(lo >>> 0).toString(16).padStart(8, '0')}`
}

/** True for -32768 to 32767, which are written in decimal. */
function isShort(lo: number, hi: number): boolean {
  return hi === lo >> 31 && lo >= -32_768 && lo <= 32_767
}

/** Constants, offsets and signed bounds: decimal when short, else hex of the two's complement. */
export function signedText(lo: number, hi: number): string {
  return isShort(lo, hi) ? String(lo) : hex64(lo, hi)
}

/** Unsigned bounds and sizes: decimal up to 65535, else hex. */
export function unsignedText(lo: number, hi: number): string {
  return hi === 0 && lo >>> 0 <= 65_535 ? String(lo) : hex64(lo, hi)
}

/** `(0x0; 0xff)` for the tnum whose four words begin at index `at`; a constant is one number, unsigned. */
export function tnumText(words: Int32Array, at: number): string {
  const [valueLo, valueHi, maskLo, maskHi] = [words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!]
  if (maskLo === 0 && maskHi === 0) return unsignedText(valueLo, valueHi)
  return `(${hex64(valueLo, valueHi)}; ${hex64(maskLo, maskHi)})`
}

interface Bound {
  readonly name: string
  readonly signed: boolean
  readonly lo: number
  readonly hi: number
}

/** A signed 32-bit bound counts by its signed value when that is short, else by its unsigned one. */
function signed32(name: string, value: number): Bound {
  return { name, signed: true, lo: value, hi: isShort(value, value >> 31) ? value >> 31 : 0 }
}

/** The bounds that are not at their type's limit, minima at even places of the order and maxima at odd ones. */
function knownBounds(words: Int32Array, at: number): (Bound | undefined)[] {
  const pair = (name: string, signed: boolean, where: number, limitLo: number, limitHi: number): Bound | undefined => {
    const lo = words[at + where]!
    const hi = words[at + where + 1]!
    return lo === limitLo && hi === limitHi ? undefined : { name, signed, lo, hi }
  }
  const s32min = words[at + S32MIN]!
  const s32max = words[at + S32MAX]!
  const u32min = words[at + U32MIN]!
  const u32max = words[at + U32MAX]!
  return [
    pair('smin', true, SMIN_LO, 0, -0x8000_0000),
    pair('smax', true, SMAX_LO, -1, 0x7fff_ffff),
    pair('umin', false, UMIN_LO, 0, 0),
    pair('umax', false, UMAX_LO, -1, -1),
    s32min === -0x8000_0000 ? undefined : signed32('smin32', s32min),
    s32max === 0x7fff_ffff ? undefined : signed32('smax32', s32max),
    u32min === 0 ? undefined : { name: 'umin32', signed: false, lo: u32min, hi: 0 },
    u32max === -1 ? undefined : { name: 'umax32', signed: false, lo: u32max, hi: 0 },
  ]
}

/** A negative number and a large unsigned one have the same bits but are not equal. */
function isNegative(bound: Bound): boolean {
  return bound.signed && bound.hi < 0
}

/** `smin=smin32=0,smax=umax=smax32=umax32=255,var_off=(0x0; 0xff)`, as items of a list. */
function pushRange(items: string[], words: Int32Array, at: number): void {
  const bounds = knownBounds(words, at)
  for (let i = 0; i < bounds.length; i++) {
    const first = bounds[i]
    if (first === undefined) continue
    let names = first.name
    for (let j = i + 2; j < bounds.length; j += 2) {
      const other = bounds[j]
      if (other === undefined || other.lo !== first.lo || other.hi !== first.hi) continue
      if (isNegative(first) !== isNegative(other)) continue
      names += `=${other.name}`
      bounds[j] = undefined
    }
    items.push(`${names}=${(first.signed ? signedText : unsignedText)(first.lo, first.hi)}`)
  }
  if (words[at + MASK_LO] !== -1 || words[at + MASK_HI] !== -1) items.push(`var_off=${tnumText(words, at + VALUE_LO)}`)
}

function isConstant(words: Int32Array, at: number): boolean {
  return words[at + MASK_LO] === 0 && words[at + MASK_HI] === 0
}

/** `P` marks a value that a decision depended on; constants are written bare, without ids. */
function scalarText(words: Int32Array, at: number): string {
  const precise = words[at + PRECISE] === 0 ? '' : 'P'
  if (isConstant(words, at)) return `${precise}${signedText(words[at + VALUE_LO]!, words[at + VALUE_HI]!)}`
  const items: string[] = []
  const id = words[at + ID]!
  if (id !== 0) {
    const delta = words[at + OFF]!
    const linked = words[at + LINK] !== 0
    items.push(`id=${id}${linked ? `${delta < 0 ? '' : '+'}${delta}` : ''}`)
  }
  pushRange(items, words, at)
  return `${precise}scalar(${items.join(',')})`
}

function mapItems(items: string[], map: MapInfo | undefined): void {
  if (map === undefined) return
  if (map.name !== '') items.push(`map=${map.name}`)
  items.push(`ks=${map.keySize},vs=${map.valueSize}`)
}

function isPacket(base: number): boolean {
  return base === RegType.PACKET || base === RegType.PACKET_META
}

function hasMap(base: number): boolean {
  return base === RegType.CONST_MAP_PTR || base === RegType.MAP_VALUE || base === RegType.MAP_KEY
}

/** `fp`, or `fp[0]` for another frame than the one printed. */
function stackText(words: Int32Array, at: number, frame: number): string {
  return words[at + FRAME] === frame ? 'fp' : `fp[${words[at + FRAME]}]`
}

/**
 * A register as the log shows it behind `R0=`. `frame` is the frame being printed: stack pointers into another one
 * show its number.
 */
export function registerText(words: Int32Array, at: number, frame: number, names: RegisterNames): string {
  const type = words[at + TYPE]!
  const base = baseType(type)
  if (base === RegType.SCALAR) return scalarText(words, at)
  // Offsets of arena pointers mean nothing: the program computes addresses itself.
  if (base === RegType.ARENA) return typeName(type)
  const off = words[at + OFF]!
  const constant = isConstant(words, at)
  let word = base === RegType.STACK ? stackText(words, at, frame) : typeName(type)
  if (base === RegType.STACK && constant) {
    const total = BigInt(off) + toBigInt(words[at + VALUE_LO]!, words[at + VALUE_HI]!)
    return `${word}${total >= -32_768n && total <= 32_767n ? total : `0x${BigInt.asUintN(64, total).toString(16)}`}`
  }
  if (base === RegType.BTF_ID) word += names.structName(words[at + BTF_ID]!)
  const items: string[] = []
  if (words[at + ID] !== 0) items.push(`id=${words[at + ID]}`)
  if (words[at + REF_OBJ_ID] !== 0) items.push(`ref_obj_id=${words[at + REF_OBJ_ID]}`)
  if ((type & TypeFlag.NON_OWNING) !== 0) items.push('non_own_ref')
  if (hasMap(base)) mapItems(items, names.maps[words[at + MAP]! - 1])
  if (off !== 0) items.push(`off=${signedText(off, off >> 31)}`)
  if (isPacket(base)) items.push(`r=${unsignedText(words[at + RANGE]!, words[at + RANGE]! >> 31)}`)
  if (base === RegType.MEM) items.push(`sz=${unsignedText(words[at + MEM_SIZE]!, 0)}`)
  if (!constant) pushRange(items, words, at)
  else if (words[at + VALUE_LO] !== 0 || words[at + VALUE_HI] !== 0) {
    items.push(`imm=${signedText(words[at + VALUE_LO]!, words[at + VALUE_HI]!)}`)
  }
  return `${word}(${items.join(',')})`
}
