/** A hash table that BPF fills and both sides read. */
import { type Engine, load, type Print } from '../example.ts'

const BUCKETS = 512

/** The bucket of a key: the same function as `bucket_of` in the program. */
function bucketOf(key: bigint): bigint {
  return BigInt.asUintN(64, key * 0x9e3779b97f4a7c15n) >> 55n
}

function request(key: bigint, value = 0n): Uint8Array {
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  view.setBigUint64(0, key, true)
  view.setBigUint64(8, value, true)
  return bytes
}

export async function run(print: Print, engine?: Engine): Promise<void> {
  const { machine, object } = await load(import.meta.dirname, 'arena-hashtable.bpf.s', engine)
  const insert = object.program('insert')
  const lookup = object.program('lookup')

  for (let key = 0n; key < 2000n; key++) {
    const { retval } = insert.run({ ctx: request(key * 7n, key * key) })
    if (retval !== 0) throw new Error(`inserting ${key * 7n} returned ${retval}`)
  }
  insert.run({ ctx: request(7n, 4711n) })
  print(`BPF inserted ${object.global('entries').get()} entries and replaced one`)

  const ctx = request(700n)
  const found = lookup.run({ ctx })
  print(`BPF looked up 700: returned ${found.retval}, value ${new DataView(ctx.buffer).getBigUint64(8, true)}`)
  print(`BPF looked up 701: returned ${lookup.run({ ctx: request(701n) }).retval}`)

  const arena = object.map('arena').mmap()
  const table = object.global('table').get()
  const lookUp = (key: bigint): bigint | undefined => {
    for (let at = arena.u64(table + 8n * bucketOf(key)); at !== 0n; at = arena.u64(at)) {
      if (arena.u64(at + 8n) === key) return arena.u64(at + 16n)
    }
    return undefined
  }
  print(`user space looked up 7: ${lookUp(7n)}, 700: ${lookUp(700n)}, 701: ${lookUp(701n)}`)

  let longest = 0
  for (let bucket = 0n; bucket < BUCKETS; bucket++) {
    let length = 0
    for (let at = arena.u64(table + 8n * bucket); at !== 0n; at = arena.u64(at)) length++
    longest = Math.max(longest, length)
  }
  print(`the longest of ${BUCKETS} chains has ${longest} entries; ${arena.residentPages()} pages are resident`)
  machine.close()
}
