/** A key-value store in an arena: user space fills it, an XDP program answers packets from it. */
import { packetVerdict } from '../../index.ts'
import { type Engine, hex, load, type Print } from '../example.ts'

const BUCKETS = 512
const ENTRY_BYTES = 24n
const PAGE = 4096n

/** Ethernet header, then status, key and value. */
const PACKET_BYTES = 14 + 18
const TYPE = 0x88b5
const CLIENT = [2, 0, 0, 0, 0, 1]
const SERVER = [2, 0, 0, 0, 0, 2]

/** The hash that the program computes, too. */
function bucketOf(key: bigint): bigint {
  return BigInt.asUintN(64, key * 0x9e37_79b9_7f4a_7c15n) >> 55n
}

/** What the store needs of the arena as user space sees it. */
interface Memory {
  readonly start: bigint
  u64(at: bigint): bigint
  setU64(at: bigint, value: bigint): void
}

/** The user-space side of the table: pages come by being touched. */
class Store {
  readonly table: bigint
  private readonly memory: Memory
  private next: bigint

  constructor(memory: Memory) {
    this.memory = memory
    this.table = memory.start
    this.next = memory.start + PAGE
  }

  set(key: bigint, value: bigint): void {
    const bucket = this.table + 8n * bucketOf(key)
    const first = this.memory.u64(bucket)
    for (let entry = first; entry !== 0n; entry = this.memory.u64(entry)) {
      if (this.memory.u64(entry + 8n) === key) {
        this.memory.setU64(entry + 16n, value)
        return
      }
    }
    const entry = this.next
    this.next += ENTRY_BYTES
    this.memory.setU64(entry, first)
    this.memory.setU64(entry + 8n, key)
    this.memory.setU64(entry + 16n, value)
    // Last of all: the program may be looking.
    this.memory.setU64(bucket, entry)
  }
}

function request(key: bigint, type = TYPE): Uint8Array {
  const packet = new Uint8Array(PACKET_BYTES)
  const view = new DataView(packet.buffer)
  packet.set([...SERVER, ...CLIENT])
  view.setUint16(12, type)
  view.setBigUint64(16, key, true)
  return packet
}

/** What a packet says, in a line. */
function describe(packet: Uint8Array): string {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length)
  const to = packet[5] === CLIENT[5] ? 'client' : 'server'
  const status = view.getUint16(14, true) === 1 ? `value ${view.getBigUint64(24, true)}` : 'no value'
  return `to the ${to}, key ${view.getBigUint64(16, true)}, ${status}`
}

export async function run(print: Print, engine?: Engine): Promise<void> {
  const { machine, object } = await load(import.meta.dirname, 'xdp-kv.bpf.s', engine)
  const answer = object.program('answer')
  const send = (what: string, packet: Uint8Array): void => {
    const { retval, data = packet } = answer.run({ data: packet })
    print(`${what}: ${packetVerdict('xdp', retval)}; ${describe(data)}`)
  }

  send('before there is a store', request(7n))

  const arena = object.map('arena').mmap()
  const store = new Store(arena)
  for (let key = 0n; key < 2000n; key++) store.set(key, key * key)
  object.global('table').set(store.table)
  print(`user space stored 2000 keys in ${BUCKETS} buckets at ${hex(store.table)}: ${arena.residentPages()} pages`)

  send('a hit', request(7n))
  send('another', request(1999n))
  send('a miss', request(2000n))

  store.set(2000n, 42n)
  store.set(7n, 50n)
  send('user space adds the key', request(2000n))
  send('and changes a value', request(7n))

  send('another protocol', request(7n, 0x0806))
  const { data: answered = request(7n) } = answer.run({ data: request(7n) })
  send('an answer', answered)
  const { retval } = answer.run({ data: request(7n).subarray(0, 20) })
  print(`a message cut short: ${packetVerdict('xdp', retval)}`)

  let right = 0
  for (let key = 0n; key < 2100n; key++) {
    const { data, retval } = answer.run({ data: request(key) })
    if (data === undefined || packetVerdict('xdp', retval) !== 'XDP_TX') continue
    const value = new DataView(data.buffer, data.byteOffset).getBigUint64(24, true)
    if (value === (key === 2000n ? 42n : key === 7n ? 50n : key * key)) right++
  }
  print(`2100 more requests: ${right} right answers`)
  print(`the program counted ${object.global('hits').get()} hits, ${object.global('misses').get()} misses`)
  machine.close()
}
