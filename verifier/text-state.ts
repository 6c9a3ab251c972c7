/**
 * Frames, stack slots and whole states as the log writes them. Each item has a blank in front:
 *
 *      frame1: R0=5 R10=fp0 fp-8=mmmm???? refs=1 cb
 */
import type { PlaceSet } from './events.ts'
import { RegType, TYPE } from './layout.ts'
import {
  type Frame,
  isSpilled,
  REGISTERS,
  registerAt,
  type Scratch,
  SLOT_SIZE,
  SlotKind,
  type State,
  slotAt,
  slotTouched,
} from './state.ts'
import { type RegisterNames, registerText } from './text.ts'

const KIND_LETTERS: Readonly<Record<SlotKind, string>> = {
  [SlotKind.INVALID]: '?',
  [SlotKind.SPILL]: 'r',
  [SlotKind.MISC]: 'm',
  [SlotKind.ZERO]: '0',
  [SlotKind.DYNPTR]: 'd',
  [SlotKind.ITER]: 'i',
  [SlotKind.IRQ_FLAG]: 'f',
}

/** ` fp-8=mmmm????`: a letter a byte, highest address first; a saved register stands for its own bytes. */
function slotText(frame: Frame, slot: number, names: RegisterNames): string {
  let bytes = ''
  let written = false
  const spilled = isSpilled(frame, slot)
  for (let k = 0; k < SLOT_SIZE; k++) {
    const kind = frame.kinds[slot * SLOT_SIZE + k]! as SlotKind
    if (kind !== SlotKind.INVALID) written = true
    if (spilled && kind === SlotKind.SPILL) break
    bytes += KIND_LETTERS[kind]
  }
  if (!written) return ''
  const value = spilled ? registerText(frame.words, slotAt(slot), frame.number, names) : ''
  return ` fp-${SLOT_SIZE * (slot + 1)}=${bytes}${value}`
}

/** ` refs=1,3`; nothing when the first reference has no id, as a lock in a global variable. */
function referencesText(state: State): string {
  const { references } = state
  return references.length === 0 || references.first?.id === 0 ? '' : ` refs=${references.ids}`
}

/**
 * `frame` of `state`: all of it, or what `scratch` names. A callee's line begins with its number.
 */
export function frameText(state: State, frame: Frame, names: RegisterNames, scratch?: Scratch): string {
  let text = frame.number === 0 ? '' : ` frame${frame.number}:`
  for (let n = 0; n < REGISTERS; n++) {
    if (scratch !== undefined && ((scratch.registers >>> n) & 1) === 0) continue
    const at = registerAt(n)
    if (frame.words[at + TYPE] === RegType.NOT_INIT) continue
    text += ` R${n}=${registerText(frame.words, at, frame.number, names)}`
  }
  for (let n = 0; n < frame.slots; n++) {
    if (scratch === undefined || slotTouched(scratch, n)) text += slotText(frame, n, names)
  }
  text += referencesText(state)
  if (frame.inCallback) text += ' cb'
  if (frame.inAsyncCallback) text += ' async_cb'
  return text
}

/** `r1,r4`; empty for none. */
export function registerList(places: PlaceSet): string {
  const names: string[] = []
  for (let n = 0; n < 32; n++) if (((places.registers >>> n) & 1) === 1) names.push(`r${n}`)
  return names.join(',')
}

/** `-8,-16` by slot number, each with `prefix` in front. */
export function slotList(places: PlaceSet, prefix = ''): string {
  const names: string[] = []
  for (let n = 0; n < 64; n++) {
    const word = n < 32 ? places.slotsLow : places.slotsHigh
    if (((word >>> (n & 31)) & 1) === 1) names.push(`${prefix}${-SLOT_SIZE * (n + 1)}`)
  }
  return names.join(',')
}

/** True when the set names nothing. */
export function isEmptySet(places: PlaceSet): boolean {
  return places.registers === 0 && places.slotsLow === 0 && places.slotsHigh === 0
}
