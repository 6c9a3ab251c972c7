/** Machines that cannot be gone on with: kernel memory written over by an unchecked program, and deadlocks. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import {
  assemble,
  CorruptionError,
  HarenaError,
  InternalError,
  type LoadedObject,
  LockError,
  Machine,
  type MachineOptions,
} from '../index.ts'
import { Kmalloc } from '../memalloc/kmalloc.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

const SOURCE = `.alloc pool size=8
.map m type=hash key=8 value=8 entries=100 flags=no_prealloc
.license "GPL"
.program harmless type=syscall
    r0 = 0
    exit
.program take type=syscall               # what lies behind the object are links of the next ones
    r1 = pool ll
    call bpf_mem_cache_alloc
    *(u64 *)(r0 + 8) = 1
    *(u64 *)(r0 + 24) = 1
    r0 = 0
    exit
.program ring type=syscall               # a free object that is the next one of itself
    r1 = pool ll
    call bpf_mem_cache_alloc
    r6 = r0
    r1 = pool ll
    r2 = r6
    call bpf_mem_cache_free
    r6 += -8
    *(u64 *)(r6 + 0) = r6
    r0 = 0
    exit
.program put type=syscall
    *(u64 *)(r10 - 8) = 1
    r1 = m ll
    r2 = r10
    r2 += -8
    r3 = r2
    r4 = 0
    call bpf_map_update_elem
    r1 = m ll
    r2 = r10
    r2 += -8
    call bpf_map_lookup_elem
    *(u64 *)(r0 - 64) = 1                 # the header: where the element goes when it is freed
    r1 = m ll
    r2 = r10
    r2 += -8
    call bpf_map_delete_elem
    r0 = 0
    exit
`

describe.each(['interpreter', 'jit'] as const)('on the %s', (engine) => {
  function withMachine(work: (machine: Machine) => void, options: MachineOptions = {}): void {
    const machine = new Machine({ engine, ...options })
    try {
      work(machine)
    } finally {
      machine.close()
    }
  }

  function thrown(work: () => unknown): unknown {
    try {
      work()
    } catch (error) {
      return error
    }
    return undefined
  }

  describe('an unchecked program has corrupted kernel memory', () => {
    const spec = assemble(SOURCE)

    test.each<[string, 'on' | 'off', string, (object: LoadedObject, machine: Machine) => unknown]>([
      ['its own run finds out', 'on', 'put', () => undefined],
      ['the object is closed', 'on', 'take', (object) => object.close()],
      ['the object is closed', 'off', 'take', (object) => object.close()],
      ['the object is closed, with a list that does not end', 'off', 'ring', (object) => object.close()],
      ['a look at the allocators', 'on', 'take', (_, machine) => machine.statistics()],
    ])('%s, debug %s', (_, debug, name, then) => {
      withMachine(
        (machine) => {
          const object = machine.load(spec, { unchecked: true })
          object.program('harmless').run()
          const error = thrown(() => {
            object.program(name).run()
            return then(object, machine)
          })
          expect(error).toBeInstanceOf(CorruptionError)
          const { programs, what, message } = error as CorruptionError
          expect(programs).toEqual(['harmless', name])
          expect(message).toBe(
            `one of the programs harmless, ${name}, which ran unchecked, has corrupted kernel memory: ${what}`,
          )
          // Taking a part of it down would follow what was written there.
          expect(thrown(() => object.close())).toBe(error)
        },
        { policies: { debug } },
      )
    })
  })

  test('an invariant that does not hold where verified programs ran only is a bug, unchecked ones loaded or not', () => {
    withMachine((machine) => {
      const object = machine.load(assemble('.program p type=syscall\n r0 = 0\n exit\n'))
      const unchecked = machine.load(assemble('.program wild type=syscall\n r0 = 0\n exit\n'), { unchecked: true })
      object.program('p').run()
      vi.spyOn(Kmalloc.prototype, 'shrink').mockImplementation(() => {
        throw new InternalError('broken')
      })
      expect(thrown(() => object.close())).toBeInstanceOf(InternalError)
      unchecked.program('wild').run()
      const error = thrown(() => unchecked.close())
      expect(error).toBeInstanceOf(CorruptionError)
      expect((error as Error).message).toBe('program wild, which ran unchecked, has corrupted kernel memory: broken')
    })
  })

  test('operations of user space say the same', () => {
    withMachine((machine) => {
      const object = machine.load(assemble(SOURCE), { unchecked: true })
      object.program('harmless').run()
      const map = object.map('m')
      for (const name of ['update', 'delete', 'nextKey'] as const) {
        const broken = (): never => {
          throw new InternalError('broken')
        }
        if (name === 'update') vi.spyOn(map.map.user, 'update').mockImplementation(broken)
        else vi.spyOn(map.map, name).mockImplementation(broken)
      }
      for (const work of [() => map.set(1n, 1n), () => map.delete(1n), () => [...map.keys()]]) {
        expect(work).toThrow(CorruptionError)
      }
    })
  })

  test('after a deadlock an object cannot be closed, and the machine can', () => {
    withMachine((machine) => {
      const program = (name: string, map: string): string => `.program ${name} type=kprobe
        *(u64 *)(r10 - 8) = 1
        r1 = ${map} ll
        r2 = r10
        r2 += -8
        r3 = r2
        r4 = 0
        call bpf_map_update_elem
        exit
      `
      const maps = ['m', 'n'].map((name) => `.map ${name} type=hash key=8 value=8 entries=300 flags=no_prealloc`)
      const source = `${maps.map((map) => `${map} elements=kmalloc\n`).join('')}.license "GPL"\n`
      const object = machine.load(assemble(source + program('put', 'm') + program('hit', 'n'), { file: 'dead.bpf.s' }))
      const other = machine.load(assemble('.program p type=syscall\n r0 = 0\n exit\n', { file: 'other.bpf.s' }))
      object.program('hit').attach('page:unlock')
      const lockError = thrown(() => object.program('put').run())
      expect(lockError).toBeInstanceOf(LockError)
      const [first] = (lockError as LockError).message.split('\n')
      for (let time = 0; time < 2; time++) {
        for (const [loaded, file] of [
          [object, 'dead.bpf.s'],
          [other, 'other.bpf.s'],
        ] as const) {
          const error = thrown(() => loaded.close())
          expect(error).toBeInstanceOf(HarenaError)
          expect(error).not.toBeInstanceOf(LockError)
          expect((error as Error).message).toBe(
            `${file} cannot be closed any more, only the whole machine (machine.close()): it hangs; ${first}`,
          )
        }
      }
      // Nothing was taken down by halves.
      expect(other.program('p').run().retval).toBe(0)
      machine.close()
      expect(() => other.program('p').run()).toThrow('the machine is closed')
      object.close()
    })
  })
})
