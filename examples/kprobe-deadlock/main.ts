/**
 * A program on the allocator's unlock path updates a map: some kinds of map elements wait for a lock that their own CPU
 * holds, some fail, some just work.
 */
import {
  type AttachPointName,
  HarenaError,
  type LoadedObject,
  LockError,
  Machine,
  type MachinePolicies,
} from '../../index.ts'
import { assembleFile } from '../../node.ts'
import type { Engine, Print } from '../example.ts'

export const ownOnly: string = 'Linux has no attach points of harena, and no choice of where map elements come from'

type Elements = NonNullable<MachinePolicies['elements']>

/** What is tried: elements, the point, what they are. */
const TRIALS: readonly (readonly [Elements, AttachPointName, string])[] = [
  ['kmalloc', 'slab:unlock', 'as before Linux 4.6'],
  ['prealloc', 'slab:unlock', 'Linux 4.6'],
  ['bpf_mem_alloc', 'slab:unlock', 'Linux 6.1'],
  ['kmalloc_nolock', 'slab:unlock', 'Linux 6.18'],
  ['own-slab', 'slab:unlock', 'dropped in 2016: a slab cache for each map'],
  ['own-slab', 'page:unlock', 'which has its pages from where all caches have theirs'],
  ['recursion', 'slab:unlock', 'dropped: fail inside the allocator; updates are lost'],
  ['reserve', 'slab:unlock', 'dropped: a reserve for interrupts; but this is a task'],
  ['irq-work', 'slab:unlock', 'dropped: allocate in irq_work; that is too late for the first ones'],
]

export async function run(print: Print, engine?: Engine): Promise<void> {
  if (engine === 'linux') throw new HarenaError(ownOnly)
  const spec = await assembleFile(`${import.meta.dirname}/kprobe-deadlock.bpf.s`)
  for (const [elements, point, what] of TRIALS) {
    print(`${elements} at ${point} (${what})`)
    const machine = new Machine({ seed: 1, engine, policies: { elements } })
    try {
      trial(print, machine, machine.load(spec), point)
    } finally {
      machine.close()
    }
  }
}

/** Fills the map, thins it out, and fills it again with the program on the allocator's path. */
function trial(print: Print, machine: Machine, object: LoadedObject, point: AttachPointName): void {
  const fill = (keys: bigint): void => {
    object.global('keys').set(keys)
    object.program('fill').run()
  }
  fill(512n)
  object.program('thin').run()
  // What was deleted is freed after a grace period.
  machine.settle()
  const attachment = object.program('probe').attach(point)
  try {
    fill(1024n)
  } catch (error) {
    if (!(error instanceof LockError)) throw error
    for (const line of error.message.split('\n')) print(`  ${line}`)
    return
  }
  attachment.detach()
  const [stored, failed] = [object.global('stored').get(), object.global('failed').get()]
  print(`  survives ${attachment.runs} hits: ${stored} updates stored, ${failed} failed`)
}
