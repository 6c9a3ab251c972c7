/** Objects that are closed while deferred work of their maps' elements still waits: nothing is left, nothing comes later. */
import { describe, expect, test } from 'vitest'
import { assemble, type LoadedObject, Machine, type MachineOptions, type MachinePolicies } from '../index.ts'
import { SUPPLIES } from '../maps/supplies.ts'

/** Program `put` updates keys 0 to 19, and deletes some of them. Frames are large enough for each value. */
function source(type: string, elements: string, value: number): string {
  return `
.map m type=${type} key=8 value=${value} entries=50 elements=${elements}
.license "GPL"
.program put type=kprobe
${Array.from({ length: value / 8 }, (_, i) => `    *(u64 *)(r10 - ${8 * (i + 2)}) = 1`).join('\n')}
    r6 = 20
next:
    r6 += -1
    *(u64 *)(r10 - 8) = r6
    r1 = m ll
    r2 = r10
    r2 += -8
    r3 = r10
    r3 += -${value + 8}
    r4 = 0
    call bpf_map_update_elem
    r7 = r0
    r0 = r6
    r0 &= 3
    if r0 != 0 goto kept
    r1 = m ll
    r2 = r10
    r2 += -8
    call bpf_map_delete_elem
kept:
    if r6 != 0 goto next
    r0 = r7
    exit
`
}

const SETTINGS: readonly (readonly [string, MachineOptions])[] = [
  ['a machine', {}],
  ['RT', { rt: true }],
  ['no self-interrupt', { policies: { selfInterrupt: false } }],
  ['RT, no self-interrupt', { rt: true, policies: { selfInterrupt: false } }],
]
const DEBUG: readonly MachinePolicies[] = [{}, { debug: 'on' }]

describe.each(['interpreter', 'jit'] as const)('on the %s', (engine) => {
  function withMachine(options: MachineOptions, work: (machine: Machine) => void): void {
    const machine = new Machine({ engine, cpus: 2, ...options })
    try {
      work(machine)
    } finally {
      machine.close()
    }
  }

  function put(object: LoadedObject, context: 'task' | 'softirq' = 'task'): number {
    for (const cpu of [1, 0]) object.program('put').run({ cpu, context })
    return object.program('put').run().retval | 0
  }

  describe.each(Object.keys(SUPPLIES))('elements=%s', (elements) => {
    test.each(SETTINGS)('on %s: every page is back', (_, options) => {
      for (const debug of DEBUG) {
        withMachine({ ...options, policies: { ...options.policies, ...debug } }, (machine) => {
          const before = machine.statistics()
          for (const type of ['hash', 'percpu_hash']) {
            for (const memoryLimit of [0, 2 ** 20]) {
              const object = machine.load(assemble(source(type, elements, 40)), { memoryLimit })
              put(object, 'softirq')
              object.close()
              machine.settle()
              const after = machine.statistics()
              const where = [type, memoryLimit]
              expect([where, after.pages.used, after.pages.byOwner]).toEqual([
                where,
                before.pages.used,
                before.pages.byOwner,
              ])
              expect([where, after.slabs, after.percpu, after.caches, after.holders, after.groups]).toEqual([
                where,
                [],
                [],
                [],
                [],
                [],
              ])
            }
          }
        })
      }
    })

    test.each(SETTINGS)('on %s: a map that has its memory next gets elements of its own', (_, options) => {
      withMachine({ ...options, policies: { ...options.policies, debug: 'on' } }, (machine) => {
        const reports: string[] = []
        machine.on('report', (_report, line) => reports.push(line))
        const small = machine.load(assemble(source('hash', elements, 8)))
        put(small)
        small.close()
        // Its words lie where those of the small one lay; then comes what that one had asked for, if anything does.
        const large = machine.load(assemble(source('hash', elements, 400)))
        machine.settle()
        let untouched = 0
        withMachine(options, (fresh) => {
          untouched = put(fresh.load(assemble(source('hash', elements, 400))))
        })
        expect(put(large)).toBe(untouched)
        const map = large.map('m')
        const value = Uint8Array.from({ length: 400 }, (_, i) => (i % 8 === 0 ? 1 : 0))
        for (const [key] of map.entries()) expect(map.get(key)).toEqual(value)
        large.close()
        machine.settle()
        expect(reports).toEqual([])
        expect(machine.statistics().slabs).toEqual([])
      })
    })
  })
})
