/**
 * Hash maps, preallocated and dynamic: look-ups of keys that are there, updates with keys that are not, deletes of keys
 * that are, thousands of one kind in a row; and all three of one key, round after round, which is the load that
 * preallocation was made for. And objects, made and dropped.
 */
import { pairCalls, tripleCalls } from '../map-programs.ts'
import { COUNT, plainSource, type Workload } from '../workload.ts'

const KEYS = 16_384
const LOOKUPS = 64 * KEYS
const TRIPLES = 200_000
const FEW = 1000
/** Four times the keys: Linux gives the elements of a preallocated map out to its CPUs beforehand. */
const ENTRIES = 65_536

export type Design = 'preallocated' | 'dynamic'
export type Operation = 'look-up' | 'update' | 'delete' | 'triple'

/** The name of a map's workload. */
function mapWorkloadName(operation: Operation, design: Design): string {
  return `map ${operation === 'triple' ? 'update, look-up, delete' : operation}, ${design}`
}

/** `lines` for each of r7 keys, with the key at r2; what they have summed up in r6 is given, by `setup` 0. */
function eachKey(name: 'setup' | 'before' | 'run', lines: string): string {
  return `
.program ${name} type=${name === 'setup' ? 'syscall' : 'socket'}
${COUNT}
    r6 = 0
    *(u64 *)(r10 - 16) = 1
next:
    may_goto end
    r1 = r7
    r1 &= ${KEYS - 1}
    *(u32 *)(r10 - 4) = r1
    r1 = hits ll
    r2 = r10
    r2 += -4
${lines}
    r7 += -1
    if r7 != 0 goto next
end:
    r0 = ${name === 'setup' ? 0 : 'r6'}
    exit
failed:
    r0 = -1
    exit
`
}

const UPDATE = `
    r3 = r10
    r3 += -16
    r4 = 0
    call bpf_map_update_elem
    if r0 != 0 goto failed
    r6 += 1
`
const DELETE = `
    call bpf_map_delete_elem
    if r0 != 0 goto failed
    r6 += 1
`
/** Before the first run there is nothing to delete. */
const CLEAR = `
    call bpf_map_delete_elem
    if r0 == 1 goto failed
    r6 += 1
`
const LOOKUP = `
    call bpf_map_lookup_elem
    if r0 == 0 goto failed
    r1 = *(u64 *)(r0 + 0)
    r6 += r1
`

const TRIPLE = `
.program run type=socket
${COUNT}
    r6 = 0
    *(u32 *)(r10 - 4) = 7
    *(u64 *)(r10 - 16) = 1
next:
    may_goto end
${tripleCalls('end')}
    r6 += 1
    r7 += -1
    if r7 != 0 goto next
end:
    r0 = r6
    exit
`

const ROUNDS: Readonly<Record<Operation, number>> = {
  'look-up': LOOKUPS,
  update: KEYS,
  delete: KEYS,
  triple: TRIPLES,
}

function mapWorkload(operation: Operation, design: Design): Workload {
  const flags = design === 'dynamic' ? ' flags=no_prealloc' : ''
  const programs = {
    'look-up': eachKey('setup', UPDATE) + eachKey('run', LOOKUP),
    update: eachKey('run', UPDATE) + eachKey('before', CLEAR),
    delete: eachKey('run', DELETE) + eachKey('before', UPDATE),
    triple: TRIPLE,
  }
  return {
    name: mapWorkloadName(operation, design),
    round: operation,
    rounds: ROUNDS[operation],
    few: FEW,
    source: `.map hits type=hash key=u32 value=u64 entries=${ENTRIES}${flags}\n${plainSource(programs[operation])}`,
    plain: (rounds) => plainMap(operation, rounds),
  }
}

function plainMap(operation: Operation, rounds: number): ReturnType<NonNullable<Workload['plain']>> {
  const map = new Map<number, number>()
  const update = (): number => {
    for (let n = rounds; n !== 0; n--) map.set(n & (KEYS - 1), 1)
    return rounds
  }
  switch (operation) {
    case 'look-up':
      update()
      return {
        run: () => {
          let sum = 0
          for (let n = rounds; n !== 0; n--) sum += map.get(n & (KEYS - 1)) ?? 0
          return sum
        },
      }
    case 'update':
      return { before: () => map.clear(), run: update }
    case 'delete':
      return {
        before: update,
        run: () => {
          let deleted = 0
          for (let n = rounds; n !== 0; n--) if (map.delete(n & (KEYS - 1))) deleted++
          return deleted
        },
      }
    case 'triple':
      return {
        run: () => {
          let done = 0
          for (let n = rounds; n !== 0; n--) {
            map.set(7, 1)
            if (map.get(7) !== undefined && map.delete(7)) done++
          }
          return done
        },
      }
    default:
      throw new Error(`no operation ${operation satisfies never}`)
  }
}

/** The load that preallocation was made for. */
export function tripleOf(design: Design): Workload {
  return mapWorkload('triple', design)
}

const OPERATIONS: readonly Operation[] = ['look-up', 'update', 'delete', 'triple']

export const MAP_WORKLOADS: readonly Workload[] = (['preallocated', 'dynamic'] as const).flatMap((design) =>
  OPERATIONS.map((operation) => mapWorkload(operation, design)),
)

/** Of type xdp: Linux has no objects in socket programs. */
export const OBJECTS: Workload = {
  name: 'bpf_obj_new, bpf_obj_drop',
  round: 'pair',
  // Dropped objects come back after a grace period, which no run sees: many more would time the memory of the host.
  rounds: 8000,
  runs: 16,
  few: FEW,
  source: `
.struct item
    val: u64
    seen: u64
.end
${plainSource(`
.program run type=xdp
${COUNT}
    r6 = 0
next:
    may_goto end
${pairCalls('end')}
    r6 += 1
    r7 += -1
    if r7 != 0 goto next
end:
    r0 = r6
    exit
`)}`,
}
