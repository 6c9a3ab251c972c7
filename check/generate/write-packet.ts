/** Steps of programs that see packets: xdp programs by pointer, socket programs by LD_ABS and LD_IND. */
import { copyModel, joinModels, SCALAR } from './model.ts'
import type { MemoryAccess, PacketStep } from './recipe.ts'
import { plainScalar, writeOperation } from './write-memory.ts'
import { CONTEXT_SLOT } from './write-scalar.ts'
import type { Writer } from './writer.ts'

type Of<K extends PacketStep['kind']> = Extract<PacketStep, { readonly kind: K }>

/** Where the program keeps its context. */
const CONTEXT = `r10 - ${8 * CONTEXT_SLOT + 8}`

/** Comparisons of a pointer with the end, in every form: those that leave when it fails, those that go on. */
const LEAVING = ['P > E', 'P >= E', 'E < P', 'E <= P'] as const
const STAYING = ['P <= E', 'P < E', 'E >= P', 'E > P'] as const

/**
 * Packet pointer, what is added to it, the comparison with the end, and accesses below what was compared:
 *
 *     p = data [+ scalar] + at;  t = p + room;  if t > end goto out;  accesses from p up or from t down;  out:
 */
export function writePacketAccess(w: Writer, step: Of<'packet-access'>): void {
  if (w.shared.type !== 'xdp' || !w.mayFork(1)) return
  const index = step.index === undefined ? undefined : w.scalar(step.index)
  const source = index === undefined ? [] : [index]
  const p = w.holding(source, () => w.scratch(step.dst))
  const end = w.holding([...source, p], () => w.scratch(step.dst >>> 2))
  const t = w.holding([...source, p, end], () => w.scratch(step.dst >>> 4))
  w.put(`r${p} = *(u64 *)(${CONTEXT})`, `r${end} = *(u32 *)(r${p} + 4)`, `r${p} = *(u32 *)(r${p} + 0)`)
  if (index !== undefined) w.put(`r${t} = r${index}`, `r${t} &= ${2 ** step.bits - 1}`, `r${p} += r${t}`)
  if (step.at !== 0) w.put(`r${p} += ${step.at}`)
  w.put(`r${t} = r${p}`, `r${t} += ${step.room}`)
  const out = w.freshLabel()
  const compared = (form: string): string => form.replace('P', `r${t}`).replace('E', `r${end}`)
  if (step.form < LEAVING.length) w.put(`if ${compared(LEAVING[step.form]!)} goto ${out}`)
  else {
    const on = w.freshLabel()
    w.put(`if ${compared(STAYING[step.form % STAYING.length]!)} goto ${on}`, `goto ${out}`)
    w.label(on)
  }
  const missing = copyModel(w.model)
  const base = step.tail ? { reg: t, from: -step.room } : { reg: p, from: 0 }
  w.holding([base.reg], () => {
    for (const access of step.accesses) writeInPacket(w, access, base, step.room)
  })
  w.label(out)
  w.model = joinModels(w.model, missing)
}

/** No atomics: packets take none. */
function writeInPacket(
  w: Writer,
  access: MemoryAccess,
  { reg, from }: { readonly reg: number; readonly from: number },
  room: number,
): void {
  const bytes = access.width / 8
  if (bytes > room) return
  const plain = access.op === 'store' || access.op === 'store-imm' ? access.op : 'load'
  writeOperation(w, { ...access, op: plain }, reg, from + (access.offset % (room - bytes + 1)), false)
}

/** Leaves the program with 0 where the packet is too short. */
export function writePacketLoad(w: Writer, step: Of<'packet-load'>): void {
  // The context is wanted in r6.
  if (w.shared.type !== 'socket' || w.pinned.has(6) || w.pinned.has(0)) return
  let place = `${step.offset}`
  if (step.index !== undefined) {
    const index = w.scalar(step.index)
    const at = w.holding([index, 6], () => w.scratch(step.index! >>> 2))
    w.put(`r${at} = r${index}`, `r${at} &= 255`)
    place = `r${at}`
    if (step.offset !== 0) w.put(`r${at} += ${step.offset}`)
  }
  w.put(`r6 = *(u64 *)(${CONTEXT})`, `r0 = *(u${step.width} *)skb[${place}]`)
  w.clobber()
  w.set(6, undefined)
  w.set(0, SCALAR)
}

/** Offsets of fields that hold the same on every machine. */
export const XDP_FIELDS = [12, 16] as const
export const SOCKET_FIELDS = [
  0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 64, 68, 84, 164, 176,
] as const
/** skb->cb, 20 bytes, the one field that socket programs may write. */
export const CB = 48
export const CB_WORDS = 5

export function writeContextField(w: Writer, step: Of<'context-field'>): void {
  if (w.shared.type === 'socket' && step.store !== undefined) {
    const src = plainScalar(w, { kind: 'reg', pick: step.store })
    const base = w.holding([src], () => w.scratch(step.dst))
    const off = CB + (step.width === 64 ? 8 * (step.field % 2) : 4 * (step.field % CB_WORDS))
    const value = `${step.width === 64 ? 'r' : 'w'}${src}`
    w.put(`r${base} = *(u64 *)(${CONTEXT})`, `*(u${step.width} *)(r${base} + ${off}) = ${value}`)
    return
  }
  const fields = w.shared.type === 'socket' ? SOCKET_FIELDS : XDP_FIELDS
  const off = fields[step.field % fields.length]!
  const width = w.shared.type === 'xdp' || step.width === 64 ? 32 : step.width
  const dst = w.destination(step.dst)
  w.put(`r${dst} = *(u64 *)(${CONTEXT})`, `r${dst} = *(${step.signed ? 's' : 'u'}${width} *)(r${dst} + ${off})`)
  w.set(dst, SCALAR)
}
