/** Steps that read and write memory: stack, map values, globals, context, arena. */
import {
  ARENA,
  CONTEXT_BYTES,
  copyModel,
  DATA,
  joinModels,
  type Model,
  SCALAR,
  SLOTS,
  TAINTED,
  VALUE_BYTES,
  type Value,
} from './model.ts'
import type { AtomicOp, MemoryAccess, Operand, Step } from './recipe.ts'
import { CONTEXT_SLOT, INPUTS } from './write-scalar.ts'
import { range, type Writer } from './writer.ts'

type Of<K extends Step['kind']> = Extract<Step, { readonly kind: K }>

/** User address of the arena's first page: not a multiple of 4 GiB, so nothing in it casts to NULL. */
export const ARENA_BASE = 0x1000_0001_0000n
export const ARENA_PAGES = 8
/** Elements of the array map `arr`. */
export const ARRAY_ENTRIES = 4
/** Globals that programs write. */
export const OUTPUTS = ['g0', 'g1'] as const

const ATOMIC_TEXT: Readonly<Record<Exclude<AtomicOp, 'xchg' | 'cmpxchg'>, string>> = {
  add: '+=',
  or: '|=',
  and: '&=',
  xor: '^=',
  fetch_add: 'add',
  fetch_or: 'or',
  fetch_and: 'and',
  fetch_xor: 'xor',
}

/** A slot for data: not the one that keeps the context. */
function dataSlot(pick: number): number {
  return pick % (SLOTS - 1)
}

/** fp offset of byte `offset` of slot `slot`. */
function frameOffset(slot: number, offset: number): string {
  return `r10 - ${8 * slot + 8 - offset}`
}

/** Saves any register, pointers whole and scalars in any width, or an immediate; may read it back at once. */
export function writeSpill(w: Writer, step: Of<'spill'>): void {
  w.tag('stack')
  const slot = dataSlot(step.slot)
  const regs = range(10).filter((reg) => w.model.regs[reg] !== undefined)
  const src = regs.length === 0 ? w.scalar(step.src) : regs[step.src % regs.length]!
  const value = w.model.regs[src]
  if (value !== undefined && value.kind !== 'scalar') {
    w.put(`*(u64 *)(${frameOffset(slot, 0)}) = r${src}`)
    w.model.slots[slot] = { written: 0xff, tainted: true, pointer: value }
    return
  }
  const bytes = step.width / 8
  const offset = Math.floor((step.offset % 8) / bytes) * bytes
  const text = step.value.kind === 'imm' ? `${step.value.value}` : `${step.width === 64 ? 'r' : 'w'}${src}`
  w.put(`*(u${step.width} *)(${frameOffset(slot, offset)}) = ${text}`)
  writeBytes(w.model, slot, offset, bytes, step.value.kind === 'reg' && value?.tainted === true)
  if (step.refill !== 0 && w.model.slots[slot]!.written === 0xff) {
    readSlot(w, { ...step, width: step.refill, signed: step.dst % 4 === 0 }, slot)
  }
}

/** Plain data comes into part of a slot; the rest of a pointer saved there is an address, so tainted. */
function writeBytes(model: Model, slot: number, offset: number, bytes: number, tainted: boolean): void {
  const before = model.slots[slot]!
  const whole = bytes === 8
  model.slots[slot] = {
    written: whole ? 0xff : before.written | (((1 << bytes) - 1) << offset),
    tainted: tainted || (!whole && before.tainted),
    pointer: undefined,
  }
}

/** Reads a slot of which every byte was written: what the stack held before is not to be seen. */
export function writeFill(w: Writer, step: Of<'fill'>): void {
  // The context's slot has its own step.
  const slots = range(SLOTS - 1).filter((slot) => w.model.slots[slot]!.written === 0xff)
  if (slots.length === 0) return
  w.tag('stack')
  readSlot(w, step, slots[step.slot % slots.length]!)
}

/** A pointer comes back as it was saved, data in any width and place within the slot. */
function readSlot(w: Writer, step: Pick<Of<'fill'>, 'dst' | 'width' | 'offset' | 'signed'>, slot: number): void {
  const { pointer, tainted } = w.model.slots[slot]!
  const dst = w.destination(step.dst)
  if (pointer !== undefined) {
    w.put(`r${dst} = *(u64 *)(${frameOffset(slot, 0)})`)
    w.set(dst, pointer)
    return
  }
  const bytes = step.width / 8
  const offset = Math.floor((step.offset % 8) / bytes) * bytes
  const type = `${step.signed && step.width < 64 ? 's' : 'u'}${step.width}`
  w.put(`r${dst} = *(${type} *)(${frameOffset(slot, offset)})`)
  w.set(dst, tainted ? TAINTED : SCALAR)
}

/** Two neighbouring slots of plain data, accessed at an offset that only a mask bounds. */
export function writeStackIndex(w: Writer, step: Of<'stack-index'>): void {
  w.tag('stack')
  const upper = step.slot % (SLOTS - 2)
  const slots = [upper, upper + 1]
  for (const slot of slots) {
    const { written, tainted } = w.model.slots[slot]!
    if (written === 0xff && !tainted) continue
    w.put(`*(u64 *)(${frameOffset(slot, 0)}) = ${step.slot % 3}`)
    w.model.slots[slot] = DATA
  }
  const bytes = step.access.width / 8
  const source = w.scalar(step.index)
  const at = w.holding([source], () => w.scratch(step.index))
  if (w.isCallee) {
    // Not the scalar plus r10: Linux takes that for the main program's stack (docs/parity.md).
    const masked = w.holding([source, at], () => w.scratch(step.index >>> 4))
    w.put(`r${masked} = r${source}`, `r${masked} &= ${16 - bytes}`, `r${at} = r10`, `r${at} += r${masked}`)
  } else w.put(`r${at} = r${source}`, `r${at} &= ${16 - bytes}`, `r${at} += r10`)
  const base = 8 * (upper + 1) + 8
  // Neither an atomic nor a synchronising access may be at an offset that varies.
  const plain = step.access.op === 'store' || step.access.op === 'store-imm' ? step.access.op : 'load'
  w.holding([at], () => writeOperation(w, { ...step.access, op: plain }, at, -base, false))
}

/** Puts a pointer where later accesses will find it. */
export function writePoint(w: Writer, step: Of<'point'>): void {
  const dst = w.destination(step.dst)
  switch (step.to) {
    case 'global':
      w.tag('map')
      w.put(`r${dst} = ${[...OUTPUTS, ...INPUTS][step.at % (OUTPUTS.length + INPUTS.length)]!} ll`)
      w.set(dst, { kind: 'memory', of: 'global', room: 8 })
      return
    case 'arena':
      writeArenaPointer(w, dst, step.at)
      return
    case 'context': {
      const saved = w.model.slots[CONTEXT_SLOT]!.pointer
      if (saved?.kind !== 'memory') return
      w.put(`r${dst} = *(u64 *)(${frameOffset(CONTEXT_SLOT, 0)})`)
      w.set(dst, { kind: 'memory', of: 'context', room: CONTEXT_BYTES })
      return
    }
    case 'buffer': {
      const slot = dataSlot(step.at)
      w.tag('stack')
      w.put(`*(u64 *)(${frameOffset(slot, 0)}) = ${step.at % 5}`, `r${dst} = r10`, `r${dst} += -${8 * slot + 8}`)
      w.model.slots[slot] = DATA
      // Used at once and lost: the slot may be written by its own name later.
      w.put(`r${dst} = *(u64 *)(r${dst} + 0)`)
      w.set(dst, SCALAR)
      return
    }
    default:
      step.to satisfies never
  }
}

function writeArenaPointer(w: Writer, dst: number, at: number): void {
  w.tag('arena')
  w.tag('cast')
  // A page on either side of the window as well; near the ends of a page accesses straddle.
  const page = (at % (ARENA_PAGES + 2)) - 1
  const within = [0, 8, 64, 2048, 4088, 4093][(at >>> 4) % 6]!
  w.put(`r${dst} = ${ARENA_BASE + BigInt(page * 4096 + within)} ll`, `r${dst} = addr_space_cast(r${dst}, 0, 1)`)
  w.set(dst, ARENA)
}

/** An access through some register with a pointer in it; makes one where there is none. */
export function writeAccess(w: Writer, step: Of<'access'>): void {
  const found = w.pointers()
  const pointer = found[step.through % Math.max(1, found.length)]
  if (pointer === undefined) {
    const to = (['global', 'arena', 'context'] as const)[step.through % 3]!
    writePoint(w, { kind: 'point', dst: step.through, to, at: step.through })
    if (w.pointers().length > 0) writeAccess(w, step)
    return
  }
  writeThrough(w, pointer, step.access)
}

/** One access through the pointer in `reg`, in bounds for its kind. */
export function writeThrough(w: Writer, reg: number, wanted: MemoryAccess): void {
  const value = w.model.regs[reg]
  // Atomics that compute come in two widths.
  const access = wanted.op === 'atomic' && wanted.width < 32 ? ({ ...wanted, width: 32 } as const) : wanted
  w.holding([reg], () => {
    if (value?.kind === 'arena') writeArenaAccess(w, reg, access)
    else if (value?.kind === 'memory') writeBounded(w, reg, value, access)
  })
}

/** Offsets as they come: the arena has no bounds, and pages that are absent are part of the game. */
function writeArenaAccess(w: Writer, reg: number, access: MemoryAccess): void {
  w.tag('arena')
  const fetches = access.atomic.startsWith('fetch_') && access.atomic !== 'fetch_add'
  const fitting = { ...access, atomic: fetches ? 'fetch_add' : access.atomic } as const
  if (access.index === undefined) {
    writeOperation(w, fitting, reg, access.offset, true)
    return
  }
  const index = w.scalar(access.index)
  const at = w.holding([index], () => w.scratch(access.index ?? 0))
  w.put(`r${at} = r${index}`, `r${at} &= 0x1ff8`, `r${at} += r${reg}`)
  w.holding([at], () => writeOperation(w, fitting, at, access.offset, true))
}

/** Offsets cut to the room there is; an index is masked, so that the verifier can see its bounds. */
function writeBounded(w: Writer, reg: number, { of, room }: Extract<Value, { kind: 'memory' }>, access: MemoryAccess) {
  w.tag(of === 'global' || of === 'value' ? 'map' : 'stack')
  const bytes = access.width / 8
  const aligned = Math.floor(Math.abs(access.offset) / bytes) * bytes
  // Plain accesses to map values may be unaligned.
  const loose = (of === 'value' || of === 'global') && (access.op === 'load' || access.op === 'store')
  const limit = room - bytes
  const offset = limit === 0 ? 0 : (loose ? Math.abs(access.offset) : aligned) % (limit + 1)
  const atomicOnContext = of === 'context' && access.op !== 'load' && access.op !== 'store' && access.op !== 'store-imm'
  const fitting = atomicOnContext ? ({ ...access, op: 'load' } as const) : access
  if (access.index === undefined || of === 'context' || of === 'buffer' || room <= bytes) {
    writeOperation(w, fitting, reg, loose ? offset : Math.floor(offset / bytes) * bytes, false)
    return
  }
  const index = w.scalar(access.index)
  const at = w.holding([index], () => w.scratch(access.index ?? 0))
  const mask = (2 ** Math.floor(Math.log2(room)) - 1) & ~(bytes - 1)
  w.put(`r${at} = r${index}`, `r${at} &= ${mask}`, `r${at} += r${reg}`)
  w.holding([at], () => writeOperation(w, fitting, at, 0, false))
}

/** The instruction itself, at `offset` of `reg`, which is held. */
export function writeOperation(w: Writer, access: MemoryAccess, reg: number, offset: number, arena: boolean): void {
  const { width } = access
  const at = `r${reg} ${offset < 0 ? '-' : '+'} ${Math.abs(offset)}`
  switch (access.op) {
    case 'load': {
      const dst = w.destination(access.dst)
      w.put(`r${dst} = *(${access.signed && width < 64 ? 's' : 'u'}${width} *)(${at})`)
      w.set(dst, SCALAR)
      return
    }
    case 'store':
      w.put(`*(u${width} *)(${at}) = ${width === 64 ? 'r' : 'w'}${plainScalar(w, access.value)}`)
      return
    case 'store-imm':
      w.put(`*(u${width} *)(${at}) = ${access.value.kind === 'imm' ? access.value.value : access.value.pick}`)
      return
    case 'acquire': {
      w.tag('atomic')
      const dst = w.destination(access.dst)
      if (arena) w.put(`r${dst} = 0`)
      w.put(`${width === 64 ? 'r' : 'w'}${dst} = load_acquire((u${width} *)(${at}))`)
      w.set(dst, SCALAR)
      return
    }
    case 'release':
      w.tag('atomic')
      w.put(`store_release((u${width} *)(${at}), ${width === 64 ? 'r' : 'w'}${plainScalar(w, access.value)})`)
      return
    case 'atomic':
      writeAtomic(w, access, at, arena)
      return
    default:
      access.op satisfies never
  }
}

/** A register whose value may be seen. */
export function plainScalar(w: Writer, value: Operand): number {
  return w.scalar(value.kind === 'imm' ? value.value >>> 1 : value.pick)
}

/**
 * At an absent page of an arena what is skipped leaves its register as it is, of which Linux's verifier knows nothing:
 * so the register is cut to the width of the access first.
 */
function writeAtomic(w: Writer, { atomic, width, value }: MemoryAccess, at: string, arena: boolean): void {
  w.tag('atomic')
  const wide = width === 64
  const type = wide ? 'u64' : 'u32'
  const r = wide ? 'r' : 'w'
  if (atomic === 'cmpxchg') {
    // r0 is compared and written.
    if (w.pinned.has(0)) return
    if (w.model.regs[0]?.kind !== 'scalar' || w.model.regs[0].tainted) w.put('r0 = 0')
    w.set(0, SCALAR)
    const src = plainScalar(w, value)
    if (arena && !wide) w.put('w0 = w0')
    w.put(wide ? `r0 = cmpxchg_64(${at}, r0, r${src})` : `w0 = cmpxchg32_32(${at}, w0, w${src})`)
    return
  }
  const src = w.changeable(value.kind === 'imm' ? value.value >>> 1 : value.pick)
  const returns = atomic === 'xchg' || atomic.startsWith('fetch_')
  if (arena && !wide && returns) w.put(`w${src} = w${src}`)
  if (atomic === 'xchg') w.put(wide ? `r${src} = xchg_64(${at}, r${src})` : `w${src} = xchg32_32(${at}, w${src})`)
  else if (atomic.startsWith('fetch_')) {
    w.put(`${r}${src} = atomic_${atomic}((${type} *)(${at}), ${r}${src})`)
  } else w.put(`lock *(${type} *)(${at}) ${ATOMIC_TEXT[atomic]} ${r}${src}`)
}

/** Looks a key up, in range or just beyond, and works on the value where there is one. */
export function writeLookup(w: Writer, step: Of<'lookup'>): void {
  if (w.pinned.has(0) || !w.mayFork(1)) return
  w.tag('map')
  writeKey(w, step.key)
  const out = w.freshLabel()
  w.put('r1 = arr ll', 'call bpf_map_lookup_elem', `if r0 == 0 goto ${out}`)
  w.clobber()
  const missing = copyModel(w.model)
  w.set(0, { kind: 'memory', of: 'value', room: VALUE_BYTES })
  for (const access of step.accesses) writeThrough(w, 0, access)
  w.label(out)
  // r0 is NULL on one side.
  w.model = joinModels(w.model, missing)
}

/** Puts a key below all data slots and points r2 at it. */
function writeKey(w: Writer, key: Operand): void {
  const at = 8 * SLOTS + 8
  if (key.kind === 'imm') w.put(`*(u32 *)(r10 - ${at}) = ${(key.value >>> 0) % (ARRAY_ENTRIES + 1)}`)
  else w.put(`*(u32 *)(r10 - ${at}) = w${w.scalar(key.pick)}`)
  w.put('r2 = r10', `r2 += -${at}`)
}

/** Updates an element of `one` from a slot, or tries to delete one, which arrays refuse. */
export function writeUpdate(w: Writer, step: Of<'update'>): void {
  w.tag('map')
  if (w.pinned.has(0)) return
  if (step.remove) {
    writeKey(w, step.key)
    w.put('r1 = one ll', 'call bpf_map_delete_elem')
  } else {
    const slot = range(SLOTS).find((n) => w.model.slots[n]!.written === 0xff && !w.model.slots[n]!.tainted)
    if (slot === undefined) return
    writeKey(w, step.key)
    w.put('r1 = one ll', 'r3 = r10', `r3 += -${8 * slot + 8}`, `r4 = ${step.flags % 4}`, 'call bpf_map_update_elem')
  }
  w.clobber()
  w.set(0, SCALAR)
}
