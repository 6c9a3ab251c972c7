/**
 * What a state holds, in the order of acquiring. Lists do not change; those of states that branch off share what they
 * have in common, so that a program that holds thousands of references, with a branch behind each, costs no copies:
 *
 *     [1] <- [2] <- [3] <- [4]      where r0 is not null
 *                    ^
 *                    +-----------   where it is: nothing was acquired
 */
import type { Slot } from '../isa/instruction.ts'
import type { MapInfo } from '../program/loadable.ts'

export type ReferenceKind = 'pointer' | 'lock' | 'res-lock' | 'res-lock-irq' | 'irq'

/** Something that the program holds and must give back. */
export interface Reference {
  readonly kind: ReferenceKind
  readonly id: number
  /** Instruction that acquired it. */
  readonly insn: Slot
  /** Of locks: the map they lie in, or the id of the object. */
  readonly owner: MapInfo | number | undefined
}

/** References between two whose text is kept: less text is kept so than there is, and little joined again. */
const KEPT_EVERY = 64

export class ReferenceList {
  readonly length: number
  /** Undefined in the empty list. */
  readonly last: Reference | undefined
  /** The one acquired first. */
  readonly first: Reference | undefined
  readonly #before: ReferenceList | undefined
  #ids: string | undefined

  private constructor(before: ReferenceList | undefined, last: Reference | undefined) {
    this.#before = before
    this.last = last
    this.first = before?.first ?? last
    this.length = before === undefined ? 0 : before.length + 1
  }

  static readonly EMPTY: ReferenceList = new ReferenceList(undefined, undefined)

  /** This list, with one more at its end. */
  add(reference: Reference): ReferenceList {
    return new ReferenceList(this, reference)
  }

  /** This list without the last one of an id, which is given once (but 0); the same list where there is none. */
  without(id: number): ReferenceList {
    const behind: Reference[] = []
    let found: ReferenceList = this
    while (found.last !== undefined && found.last.id !== id) {
      behind.push(found.last)
      found = found.#before!
    }
    if (found.last === undefined) return this
    let list = found.#before!
    for (const reference of behind.reverse()) list = list.add(reference)
    return list
  }

  /** The one acquired last of those that `test` is true for. */
  findLast(test: (reference: Reference) => boolean): Reference | undefined {
    for (let list: ReferenceList = this; list.last !== undefined; list = list.#before!) {
      if (test(list.last)) return list.last
    }
    return undefined
  }

  /** Whether `test` is true for each pair at the same place of two lists of the same length; the last pair first. */
  everyPair(other: ReferenceList, test: (mine: Reference, theirs: Reference) => boolean): boolean {
    let theirs = other
    for (let mine: ReferenceList = this; mine.last !== undefined; mine = mine.#before!) {
      if (!test(mine.last, theirs.last!)) return false
      theirs = theirs.#before!
    }
    return true
  }

  *[Symbol.iterator](): Generator<Reference, void> {
    const all: Reference[] = []
    for (let list: ReferenceList = this; list.last !== undefined; list = list.#before!) all.push(list.last)
    for (let index = all.length - 1; index >= 0; index--) yield all[index]!
  }

  /** `1,3`: the ids, in their order, but 0. */
  get ids(): string {
    if (this.#ids !== undefined) return this.#ids
    const behind: string[] = []
    let list: ReferenceList = this
    for (; list.last !== undefined && (list === this || list.length % KEPT_EVERY !== 0); list = list.#before!) {
      if (list.last.id !== 0) behind.push(String(list.last.id))
    }
    const before = list.last === undefined ? '' : list.ids
    const ids = (before === '' ? behind.reverse() : [before, ...behind.reverse()]).join(',')
    if (this.length % KEPT_EVERY === 0) this.#ids = ids
    return ids
  }
}
