/** Chains of maps/hash-table.ts in compiled code. */
import { BUCKET_BYTES, BUCKET_LOCK, HASH, HEAD_BYTES, NEXT } from '../../maps/hash-table.ts'
import type { TableLayout } from '../../maps/layout.ts'
import { Wasm } from '../wasm/opcodes.ts'
import { copyBytes, leaveUnlessEqual } from './bytes.ts'
import type { Code, Expr } from './code.ts'
import { hashOf } from './key-hash.ts'
import type { Bail } from './mem-class.ts'

/** The mark of no bucket: there are fewer. */
const ENDLESS = -1

/** The search for a key. */
export class Chain {
  readonly #c: Code
  readonly #layout: TableLayout
  readonly #key: number
  readonly #hash: number
  /** Locals: the bucket; the element found, or the end mark of the chain, which is odd; the word that names it. */
  readonly #head: number
  readonly at: number
  readonly #link: number

  /** `key`: a local. */
  constructor(c: Code, layout: TableLayout, key: number) {
    this.#c = c
    this.#layout = layout
    this.#key = key
    this.#hash = hashOf(c, key, layout.keySize, layout.seed)
    this.#head = c.local32()
    this.at = c.local32()
    this.#link = c.local32()
    const bucket = c.and(c.get(this.#hash), c.i32(layout.bucketMask))
    c.set(this.#head, c.add(c.i32(layout.firstBucket), c.op(Wasm.I32_MUL, bucket, c.i32(BUCKET_BYTES))))
  }

  /** Bails where the bucket is locked: by somebody whom this run has interrupted. */
  bailIfLocked(bail: Bail): void {
    bail(this.#c.load32(this.#c.get(this.#head), BUCKET_LOCK))
  }

  /** Looks for the key. A chain without end is given up: by `bail`, or without one at a mark that is no chain's own. */
  find(bail?: Bail): void {
    const c = this.#c
    const left = c.local32()
    c.set(left, c.i32(this.#layout.longest))
    c.set(this.#link, c.get(this.#head))
    c.set(this.at, c.load32(c.get(this.#head)))
    c.block((leave) => {
      c.loop((again) => {
        leave(this.isAbsent)
        c.block((next) => {
          next(c.op(Wasm.I32_NE, c.load32(c.get(this.at), HASH), c.get(this.#hash)))
          leaveUnlessEqual(c, this.#layout.keySize, { local: this.at, offset: HEAD_BYTES }, this.#key, next)
          leave()
        })
        c.set(this.#link, c.get(this.at))
        c.set(this.at, c.load32(c.get(this.at), NEXT))
        const endless = c.not(c.tee(left, c.sub(c.get(left), c.i32(1))))
        if (bail !== undefined) bail(endless)
        else c.rarely(endless, () => c.set(this.at, c.i32(ENDLESS)))
        again()
      })
    })
  }

  get isAbsent(): Expr {
    return this.#c.and(this.#c.get(this.at), this.#c.i32(1))
  }

  /** After a search that found nothing: whether it ended in its own chain. */
  get isOwnEnd(): Expr {
    const c = this.#c
    const bucket = c.and(c.get(this.#hash), c.i32(this.#layout.bucketMask))
    return c.eq(c.op(Wasm.I32_SHR_U, c.get(this.at), c.i32(1)), bucket)
  }

  /** Takes the element found out of its chain. */
  unlink(): void {
    const c = this.#c
    c.store32(c.get(this.#link), NEXT, c.load32(c.get(this.at), NEXT))
  }

  /** Writes key and hash of the element in the local. */
  setKey(element: number): void {
    const c = this.#c
    copyBytes(c, this.#layout.keySize, { local: element, offset: HEAD_BYTES }, this.#key)
    c.store32(c.get(element), HASH, c.get(this.#hash))
  }

  /** Puts the element in the local at the head of the chain. */
  link(element: number): void {
    const c = this.#c
    c.store32(c.get(element), NEXT, c.load32(c.get(this.#head)))
    c.store32(c.get(this.#head), 0, c.get(element))
    // What the head named, the new element names.
    const first = c.eq(c.get(this.#link), c.get(this.#head))
    c.set(this.#link, c.select(first, c.get(element), c.get(this.#link)))
  }
}
