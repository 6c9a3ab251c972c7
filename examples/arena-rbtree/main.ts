/** A red-black tree that compiled C builds; user space walks it in order and checks its colours. */
import { type Engine, load, type Print } from '../example.ts'

export async function run(print: Print, engine?: Engine): Promise<void> {
  const { machine, object } = await load(import.meta.dirname, 'arena-rbtree.bpf.s', engine)
  print(`fill returned ${object.program('fill').run().retval}: ${object.global('inserted').get()} keys inserted`)

  const arena = object.map('arena').mmap()
  const root = arena.u64(object.global('tree').get())
  const keys: bigint[] = []
  let depth = 0

  /** Walks below `at` in order; gives the number of black items on the way down. */
  const walk = (at: bigint, above: number, redAbove: boolean): number => {
    if (at === 0n) return 1
    depth = Math.max(depth, above + 1)
    const red = arena.u64(at + 32n) === 1n
    if (red && redAbove) throw new Error('a red item under a red one')
    const left = walk(arena.u64(at + 8n), above + 1, red)
    keys.push(arena.u64(at + 24n))
    const right = walk(arena.u64(at + 16n), above + 1, red)
    if (left !== right) throw new Error('paths with different numbers of black items')
    return left + (red ? 0 : 1)
  }
  const black = walk(root, 0, false)
  const sorted = keys.every((key, i) => i === 0 || keys[i - 1]! < key)
  print(
    `user space walked ${keys.length} keys from ${keys[0]} to ${keys.at(-1)}, ${sorted ? 'in order' : 'out of order'}`,
  )
  print(`depth ${depth}, ${black} black items on every path`)
  machine.close()
}
