/** Puts BTF together, type by type. */
import { InternalError } from '../errors/errors.ts'
import type { Btf, BtfType } from './types.ts'

/** Ids are given in the order of adding; equal types get one id. */
export class BtfBuilder {
  readonly #types: (BtfType | undefined)[] = [{ kind: 'void' }]
  readonly #known = new Map<string, number>()

  /** Id of `type`: that of an equal one, or a new one. */
  add(type: BtfType): number {
    const key = JSON.stringify(type, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value))
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const id = this.#types.push(type) - 1
    this.#known.set(key, id)
    return id
  }

  /** An id for a type that is filled in later: others may point to it first. */
  reserve(): number {
    return this.#types.push(undefined) - 1
  }

  fill(id: number, type: BtfType): void {
    if (id === 0 || id >= this.#types.length || this.#types[id] !== undefined) {
      throw new InternalError(`type ${id} is not reserved`)
    }
    this.#types[id] = type
  }

  build(): Btf {
    return {
      types: this.#types.map((type, id) => {
        if (type === undefined) throw new InternalError(`type ${id} was never filled in`)
        return type
      }),
    }
  }
}
