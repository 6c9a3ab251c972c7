/** The machine around the programs: loading, running, maps and globals, and what is left after closing. */
import { describe, expect, test, vi } from 'vitest'
import { assemble } from '../asm/assemble.ts'
import { ErrnoError, FaultError, HarenaError, VerifierError } from '../errors/errors.ts'
import { secondHalf } from '../isa/instruction.ts'
import { jit } from '../jit/engine.ts'
import { pooledMemories } from '../memory/pool.ts'
import { HELPERS } from '../program/helpers.ts'
import { KFUNCS } from '../program/kfuncs.ts'
import { Access, type LoadableProgram, sealVerified, type VerifiedProgram } from '../program/loadable.ts'
import { facts, op } from './fixture.ts'
import { IMPLEMENTED_HELPERS } from './helpers.ts'
import { interpreter } from './interpreter-engine.ts'
import { InvalidProgramError } from './invalid-program.ts'
import { IMPLEMENTED_KFUNCS } from './kfuncs.ts'
import type { LoadedObject } from './loaded-object.ts'
import { MachineCore } from './machine.ts'
import type { MachineOptions, VerifyOptions } from './options.ts'
import { IMPLEMENTED_TYPES } from './run.ts'

describe.each([interpreter, jit])('on the $name', (engine) => {
  /** Accepts everything; accesses stay checked. The verifier has tests of its own. */
  function accept(program: LoadableProgram, _options?: VerifyOptions): VerifiedProgram {
    const arena = [...program.bindings.values()].find((one) => one.kind === 'map' && one.map.type === 'arena')
    return sealVerified({
      ...facts(program.insns, Access.CHECKED),
      program,
      arena: arena?.kind === 'map' ? arena.map : undefined,
      maxContext: program.name === 'context' ? 12 : 0,
      log: 'accepted\n',
    })
  }

  function make(options: MachineOptions = {}, verify = accept): MachineCore {
    // What has no hooks leaves runs with one to the other.
    return new MachineCore({ warn: () => undefined, ...options }, { verify, engines: [engine, interpreter] })
  }

  function load(source: string, machine: MachineCore = make()): { machine: MachineCore; object: LoadedObject } {
    return { machine, object: machine.load(assemble(source)) }
  }

  /** A syscall program of these lines. */
  const main = (body: string): string => `.license "GPL"\n.program main type=syscall\n${body}\n exit\n`

  const ARRAY = '.map counts type=array key=4 value=8 entries=4\n'
  const ARENA = '.map arena type=arena entries=16 flags=mmapable extra=0x100000010000\n'

  describe('running', () => {
    test('retval is the low half of r0', () => {
      const { object } = load(main('r0 = 0x1234567890 ll'))
      expect(object.program('main').run()).toMatchObject({ retval: 0x3456_7890, r0: 0x12_3456_7890n })
      expect(object.program('main').log).toBe('accepted\n')
    })

    test('the context is copied in and back', () => {
      const { object } = load(main('r0 = *(u64 *)(r1 + 0)\nr2 = 7\n*(u32 *)(r1 + 8) = r2'))
      const ctx = Uint8Array.from([1, 2, 0, 0, 0, 0, 0, 0, 9, 9, 9, 9, 5])
      expect(object.program('main').run({ ctx }).r0).toBe(0x201n)
      expect([...ctx]).toEqual([1, 2, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 5])
    })

    test('without a context r1 is NULL', () => {
      expect(load(main('r0 = r1')).object.program('main').run().r0).toBe(0n)
    })

    test('a context that is too small, or larger than 65,535 bytes', () => {
      const { object } = load('.program context type=syscall\n r0 = 0\n exit')
      const run = (bytes: number): unknown => object.program('context').run({ ctx: new Uint8Array(bytes) })
      expect(() => run(11)).toThrow('it uses 12 bytes of context and gets 11: EINVAL')
      expect(run(12)).toMatchObject({ retval: 0 })
      expect(run(65_535)).toMatchObject({ retval: 0 })
      expect(() => run(65_536)).toThrow(/over 65535: EINVAL/)
      expect(() => object.program('context').run({ ctx: new Uint8Array(12), data: new Uint8Array(1) })).toThrow(
        /no data/,
      )
    })

    test('repeats run on the same context', () => {
      const { object } = load(main('r0 = *(u64 *)(r1 + 0)\nr0 += 1\n*(u64 *)(r1 + 0) = r0'))
      expect(object.program('main').run({ ctx: new Uint8Array(8), repeat: 10 }).retval).toBe(10)
    })

    test('options that cannot be', () => {
      const program = load(main('r0 = 0')).object.program('main')
      expect(() => program.run({ cpu: 1 })).toThrow('there is no CPU 1: they are 0 to 0')
      expect(() => program.run({ repeat: 0 })).toThrow(/repeat/)
      expect(() => program.run({ timeoutMs: -1 })).toThrow(/timeoutMs/)
      expect(() => program.run({ context: 'dream' as 'task' })).toThrow(/task, softirq, hardirq, nmi/)
      expect(() => program.run({ trace: vi.fn(), hook: vi.fn() })).toThrow(/exclude each other/)
    })

    test('an endless program ends by the host’s clock', () => {
      let now = 0
      const machine = make({ hostTime: () => now++ })
      const program = machine.load(assemble(main('again: goto again')), { unchecked: true }).program('main')
      expect(() => program.run({ timeoutMs: 2 })).toThrow(FaultError)
      // The machine goes on.
      expect(
        machine
          .load(assemble(main('r0 = 3')))
          .program('main')
          .run().retval,
      ).toBe(3)
    })

    test.each([
      ['repeats of a short program', 'r0 = 0', 1_000_000],
      ['endless calls of a helper', 'again: call 7\ngoto again', 1],
      [
        'endless work on pages',
        'r6 = arena ll\nagain:\nr1 = r6\nr2 = 0\nw3 = 16\nw4 = -1\nr5 = 0\ncall bpf_arena_alloc_pages\ngoto again',
        1,
      ],
    ])('%s end by it too', (_, body, repeat) => {
      let now = 0
      const machine = make({ hostTime: () => now++ })
      const program = machine.load(assemble(ARENA + main(body)), { unchecked: true }).program('main')
      expect(() => program.run({ timeoutMs: 2, repeat })).toThrow(
        engine.hooks ? /^timed out at instruction \d+$/ : /^timed out(?: at instruction 0)?$/,
      )
      machine.close()
    })

    test('on another CPU', () => {
      const { object } = load(main('call 8'), make({ cpus: 2 }))
      expect(object.program('main').run({ cpu: 1 }).r0).toBe(1n)
    })

    test('from a listener, while another run goes on', () => {
      const { machine, object } = load(
        `.program inner type=syscall
        r6 = 1
        *(u64 *)(r10 - 8) = r6
        r0 = 0
        exit
      ` +
          main(
            'r6 = 0x41\n*(u64 *)(r10 - 8) = r6\nr1 = r10\nr1 += -8\nr2 = 2\ncall 6\nr0 = *(u64 *)(r10 - 8)\nr0 += r6',
          ),
      )
      machine.on('output', () => void object.program('inner').run())
      expect(object.program('main').run().r0).toBe(0x82n)
    })

    test('durations are the average of a run', () => {
      let now = 0
      const machine = make({ hostTime: () => now })
      machine.on('output', () => {
        now += 5
      })
      const { object } = load(main('r1 = r10\nr1 += -8\nr2 = 0x61\n*(u64 *)(r1 + 0) = r2\nr2 = 2\ncall 6'), machine)
      expect(object.program('main').run({ repeat: 4 })).toMatchObject({ retval: 1, durationNs: 5_000_000 })
    })

    test('traces', () => {
      const { object } = load(main('r0 = 1\nr6 = 0x100000000 ll\nif r0 == 1 goto end\nr0 = 2\nend: r0 += 4'))
      const lines: string[] = []
      object.program('main').run({ trace: (line) => lines.push(line) })
      expect(lines).toEqual([
        '0: (b7) r0 = 1                          ; R0=0x1',
        '1: (18) r6 = 0x100000000                ; R6=0x100000000',
        '3: (15) if r0 == 0x1 goto pc+1',
        '5: (07) r0 += 4                         ; R0=0x5',
        '6: (95) exit',
      ])
    })
  })

  describe('helpers', () => {
    test('each number has a prototype; what has no implementation is refused by name', () => {
      expect([...IMPLEMENTED_HELPERS].filter((id) => !HELPERS.some((row) => row.id === id))).toEqual([])
      expect([...IMPLEMENTED_KFUNCS].filter((name) => !KFUNCS.some((row) => row.name === name))).toEqual([])
      const machine = make()
      // Every helper that the verifier may accept can be loaded, every other one is refused by name.
      for (const { id, name } of HELPERS) {
        const program = { name: 'p', type: 'syscall', insns: [op('call_helper', { imm: id }), op('exit')] } as const
        const attempt = (): unknown => machine.loadProgram(program, new Map(), { unchecked: true })
        if (IMPLEMENTED_HELPERS.has(id)) attempt()
        else expect(attempt).toThrow(`program p was rejected at instruction 0: harena does not implement ${name}`)
      }
      for (const { id, name } of KFUNCS) {
        const program = { name: 'p', type: 'syscall', insns: [op('call_kfunc', { imm: id }), op('exit')] } as const
        const attempt = (): unknown => machine.loadProgram(program, new Map(), { unchecked: true })
        if (IMPLEMENTED_KFUNCS.has(name)) attempt()
        else expect(attempt).toThrow(`program p was rejected at instruction 0: harena does not implement ${name}`)
      }
      machine.close()
    })

    test('look-up, update and delete', () => {
      const body = `
      *(u32 *)(r10 - 4) = 2
      *(u64 *)(r10 - 16) = 77
      r1 = counts ll
      r2 = r10
      r2 += -4
      r3 = r10
      r3 += -16
      r4 = 0
      call bpf_map_update_elem
      r6 = r0
      r1 = counts ll
      r2 = r10
      r2 += -4
      call bpf_map_lookup_elem
      if r0 == 0 goto out
      r7 = *(u64 *)(r0 + 0)
      *(u64 *)(r0 + 0) = 78
      r1 = counts ll
      r2 = r10
      r2 += -4
      call bpf_map_delete_elem
      r0 *= 1000
      r0 += r7
      r0 += r6
      out:`
      const { object } = load(ARRAY + main(body))
      // An array deletes nothing: -EINVAL.
      expect(BigInt.asIntN(64, object.program('main').run().r0)).toBe(-22_000n + 77n)
      expect(object.map('counts').get(2)).toBe(78n)
    })

    test('a key beyond the array gives NULL, an update an error', () => {
      const key = '*(u32 *)(r10 - 4) = 4\nr1 = counts ll\nr2 = r10\nr2 += -4\n'
      expect(
        load(ARRAY + main(`${key}call bpf_map_lookup_elem`))
          .object.program('main')
          .run().r0,
      ).toBe(0n)
      const update = `${key}r3 = r10\nr3 += -16\nr4 = 0\ncall bpf_map_update_elem`
      expect(
        BigInt.asIntN(
          64,
          load(ARRAY + main(update))
            .object.program('main')
            .run().r0,
        ),
      ).toBe(-7n)
    })

    test('the clock, random numbers and the CPU', () => {
      const run = (body: string, options: MachineOptions, cpu = 0): bigint =>
        load(main(body), make(options)).object.program('main').run({ cpu }).r0
      expect(run('call bpf_get_smp_processor_id', { cpus: 4 }, 3)).toBe(3n)
      const random = 'call bpf_get_prandom_u32\nr6 = r0\ncall bpf_get_prandom_u32\nr6 <<= 32\nr0 |= r6'
      expect(run(random, { seed: 5 })).toBe(run(random, { seed: 5n }))
      expect(run(random, { seed: 5 })).not.toBe(run(random, { seed: 6 }))
      expect(run(random, { cpus: 2 })).not.toBe(run(random, { cpus: 2 }, 1))
      const { machine, object } = load(main('call bpf_ktime_get_ns'))
      const first = object.program('main').run().r0
      const second = object.program('main').run().r0
      machine.advance(1_000_000n)
      const third = object.program('main').run().r0
      expect(second).toBeGreaterThan(first)
      expect(third - second).toBe(1_000_000n + second - first)
    })

    test('what programs print', () => {
      const body = `
      r1 = 0x0a6425206978 ll
      *(u64 *)(r10 - 8) = r1
      r1 = r10
      r1 += -8
      r2 = 8
      r3 = 42
      call bpf_trace_printk`
      const { machine, object } = load(main(body))
      const listener = vi.fn()
      const off = machine.on('output', listener)
      expect(object.program('main').run().retval).toBe(6)
      expect(listener.mock.calls).toEqual([['xi 42', 'main']])
      off()
      object.program('main').run()
      expect(listener).toHaveBeenCalledTimes(1)
    })
  })

  describe('unchecked programs', () => {
    const run = (body: string): unknown => {
      const object = make().load(assemble(ARRAY + ARENA + main(body)), { unchecked: true })
      return object.program('main').run()
    }

    test.each([
      ['r1 = 0\nr2 = r10\nr2 += -4\ncall 1', 'r1 of bpf_map_lookup_elem is no map at instruction 3: call 1'],
      [
        'r1 = counts ll\nr2 = 64\ncall 1',
        'r2 of bpf_map_lookup_elem leads to no 4 bytes of memory at instruction 3: call 1',
      ],
      ['r1 = r10\nr1 += -8\nr2 = -1\ncall 6', 'r1 of bpf_trace_printk leads to no Infinity bytes'],
      ['r1 = r10\nr1 += -8\nr2 = 1000000\ncall 6', 'r1 of bpf_trace_printk leads to no 1000000 bytes'],
      ['r1 = 1\ncall bpf_arena_alloc_pages', 'r1 of bpf_arena_alloc_pages is no map'],
    ])('%j faults', (body, message) => expect(() => run(body)).toThrow(message))

    test('are checked for what no engine could run', () => {
      const machine = make()
      const attempt = (insns: readonly ReturnType<typeof op>[]): unknown =>
        machine.loadProgram({ name: 'p', type: 'syscall', insns }, new Map(), { unchecked: true })
      expect(() => attempt([op('mov64_imm', { dst: 0 })])).toThrow(InvalidProgramError)
      expect(() => attempt([op('call_helper', { imm: 9999 }), op('exit')])).toThrow('there is no helper 9999')
      expect(() => attempt([op('call_kfunc', { imm: 9999 }), op('exit')])).toThrow('harena does not implement #9999')
      const byFd = assemble(main('r1 = ld_pseudo r1, 1, 5').replace('r1 = ld', 'ld'))
      expect(() => machine.load(byFd, { unchecked: true })).toThrow('fd 5 is no map')
    })

    test('need to know where user space sees their arena', () => {
      const machine = make()
      const map = machine.createMap({ ...assemble(ARENA + main('r0 = 0')).maps[0]!, extra: 0n })
      const insns = [op('ld_map_fd', { dst: 0 }), secondHalf(0), op('exit')]
      const references = [{ slot: 0, kind: 'map', name: 'arena' }] as const
      const load = (): unknown =>
        machine.loadProgram({ name: 'p', type: 'syscall', insns, references }, new Map([['arena', map]]), {
          unchecked: true,
        })
      expect(load).toThrow(/arena's user address must be set via map_extra or mmap\(\)/)
      map.mmap()
      load()
    })

    test('use one arena at most', () => {
      const two = `${ARENA}.map other type=arena entries=1 flags=mmapable\n${main('r1 = arena ll\nr1 = other ll\nr0 = 0')}`
      expect(() => make().load(assemble(two), { unchecked: true })).toThrow(/Only one arena per program/)
    })
  })

  describe('loading', () => {
    test('only the programs asked for', () => {
      const two = '.program a type=syscall\n r0 = 1\n exit\n.program b type=syscall\n r0 = 2\n exit\n'
      const verify = vi.fn(accept)
      const object = make({}, verify).load(assemble(two), { programs: ['b'], logLevel: 2 })
      expect(verify.mock.calls.map(([program, options]) => [program.name, options])).toEqual([
        [
          'b',
          {
            logLevel: 2,
            cpus: 1,
            implementedHelpers: IMPLEMENTED_HELPERS,
            implementedKfuncs: IMPLEMENTED_KFUNCS,
            implementedTypes: IMPLEMENTED_TYPES,
          },
        ],
      ])
      expect(object.program('b').run().retval).toBe(2)
      expect(() => object.program('a')).toThrow('input.bpf.s has no program a')
      expect(() => object.map('arenas')).toThrow('has no map arenas')
      expect(() => make().load(assemble(two), { programs: ['c'] })).toThrow('has no program c')
    })

    test('a map type that harena lacks is a rejection of the program', () => {
      const source = `.map h type=lpm_trie key=8 value=8 entries=4\n${main('r0 = 0')}`
      const error = caught(() => make().load(assemble(source)))
      if (!(error instanceof VerifierError)) throw error
      expect([error.program, error.errno, error.reason]).toEqual([
        'main',
        'EOPNOTSUPP',
        'harena does not implement map type lpm_trie',
      ])
    })

    test('a program type that harena lacks', () => {
      const source = '.program main type=tc\n r0 = 2\n exit'
      const error = caught(() => make().load(assemble(source), { unchecked: true }))
      if (!(error instanceof VerifierError)) throw error
      expect([error.errno, error.reason]).toEqual(['EOPNOTSUPP', 'harena does not implement program type tc'])
    })

    test('a map that Linux would not create', () => {
      const source = `.map a type=array key=8 value=8 entries=4\n${main('r0 = 0')}`
      expect(() => make().load(assemble(source))).toThrow(ErrnoError)
    })

    test('the file is named where no line is', () => {
      const message = (source: string, unchecked = false): string => {
        const error = caught(() => make().load(assemble(source, { file: 'a/b.s' }), { unchecked }))
        return error instanceof Error ? error.message : ''
      }
      expect(message('.program main type=tc\n r0 = 2\n exit')).toBe(
        'a/b.s: program main was rejected: harena does not implement program type tc',
      )
      expect(message(main('call 9999'), true)).toBe('a/b.s: program main: instruction 0: there is no helper 9999')
      expect(message(`.map a type=array key=8\n${main('r0 = 0')}`)).toBe(
        'a/b.s: map a: an array has keys of 4 bytes, not 8: EINVAL',
      )
    })

    test('what a failed load made is gone', () => {
      const machine = make({ memoryLimit: 40 * 2 ** 20 }, () => {
        throw new VerifierError({ program: 'main', errno: 'EACCES', instruction: 0, reason: 'no', log: 'no\n' })
      })
      const spec = assemble(`.map big type=array key=4 value=4096 entries=5000\n${ARENA}${main('r0 = 0')}`)
      for (let round = 0; round < 4; round++) expect(() => machine.load(spec)).toThrow(VerifierError)
      machine.close()
    })

    test('by hand, as bpf(2) does', () => {
      const machine = make()
      const arena = machine.createMap({ ...assemble(ARENA + main('r0 = 0')).maps[0]!, extra: 0n })
      expect(arena.info.userStart).toBeUndefined()
      const mapping = arena.mmap({ address: 0x2000_0000_0000n, fixed: true })
      expect(arena.info.userStart).toBe(0x2000_0000_0000n)
      const insns = [op('ld_map_value', { dst: 0 }), secondHalf(0), op('exit')]
      const references = [{ slot: 0, kind: 'map-value', name: 'arena', offset: 16 }] as const
      const image = { name: 'p', type: 'syscall', insns, references } as const
      const program = machine.loadProgram(image, new Map([['arena', arena]]), { unchecked: true })
      expect(program.run().r0).toBe(mapping.start + 16n)
      expect(() => machine.loadProgram(image)).toThrow('program p refers to a map arena, not there')
    })
  })

  describe('maps and globals', () => {
    const source = `${ARRAY}.global total: u64\n.global start: u32 = 7\n.global text: u8[3]\n${main(
      'r1 = start ll\nr2 = *(u32 *)(r1 + 0)\nr1 = total ll\n*(u64 *)(r1 + 0) = r2\nr0 = 0',
    )}`

    test('globals are read and written by both sides', () => {
      const { object } = load(source)
      expect([object.global('start').get(), object.global('total').get()]).toEqual([7n, 0n])
      object.program('main').run()
      expect(object.global('total').get()).toBe(7n)
      object.global('start').set(-1)
      object.program('main').run()
      expect(object.global('total').get()).toBe(0xffff_ffffn)
      expect(() => object.global('start').set(2 ** 40)).toThrow(HarenaError)
      expect(() => object.global('text').get()).toThrow('global text has 3 bytes: use bytes()')
      object.global('text').set(Uint8Array.from([1, 2, 3]))
      expect([...object.global('text').bytes()]).toEqual([1, 2, 3])
    })

    test('maps from user space', () => {
      const counts = load(source).object.map('counts')
      counts.set(1, 5)
      expect([...counts.entries()]).toEqual([
        [0, 0n],
        [1, 5n],
        [2, 0n],
        [3, 0n],
      ])
      expect([counts.has(3), counts.has(4), [...counts.keys()].length, counts.getBytes(1)?.[0]]).toEqual([
        true,
        false,
        4,
        5,
      ])
      expect(() => counts.set(1, 5, 'noexist')).toThrow(/EEXIST/)
      expect(() => counts.delete(1)).toThrow(/EINVAL/)
      expect(() => counts.mmap()).toThrow(/EOPNOTSUPP/)
      counts.freeze()
      expect(() => counts.set(1, 6)).toThrow(/EPERM/)
    })

    test('an arena is mapped at load, where `extra` says or the seed leads', () => {
      const at = (extra: string, seed: number): bigint => {
        const map = `.map arena type=arena entries=16 flags=mmapable ${extra}\n`
        return load(map + main('r1 = arena ll\nr0 = 0'), make({ seed }))
          .object.map('arena')
          .mmap().start
      }
      expect(at('extra=0x100000010000', 1)).toBe(0x1000_0001_0000n)
      expect(at('', 1)).toBe(at('', 1))
      expect(at('', 1)).not.toBe(at('', 2))
      expect(at('', 1) & 0xffff_ffffn).not.toBe(0n)
    })

    test('programs and user space share an arena', () => {
      const body =
        'r1 = arena ll\nr2 = 0\nw3 = 2\nw4 = -1\nr5 = 0\ncall bpf_arena_alloc_pages\nr6 = r0\nr1 = addr_space_cast(r0, 0, 1)\n*(u64 *)(r1 + 8) = 99\nr0 = r6'
      const { machine, object } = load(ARENA + main(body))
      const { r0 } = object.program('main').run()
      const arena = object.map('arena').mmap()
      expect([r0, arena.u64(r0 + 8n), arena]).toEqual([0x1000_0001_0000n, 99n, object.map('arena').mmap()])
      const free = main('r1 = arena ll\nr2 = 0x100000010000 ll\nw3 = 1\ncall bpf_arena_free_pages\nr0 = 5')
      expect(
        machine
          .load(assemble(ARENA + free))
          .program('main')
          .run().retval,
      ).toBe(5)
      const reserve = main('r1 = arena ll\nr2 = 0x100000010000 ll\nw3 = 17\ncall bpf_arena_reserve_pages')
      expect(
        BigInt.asIntN(
          64,
          machine
            .load(assemble(ARENA + reserve))
            .program('main')
            .run().r0,
        ),
      ).toBe(-22n)
    })

    test('the arena kfuncs on a map that is no arena do nothing', () => {
      const alloc = 'r1 = counts ll\nr2 = 0\nw3 = 1\nw4 = -1\nr5 = 0\ncall bpf_arena_alloc_pages'
      expect(
        load(ARRAY + main(alloc))
          .object.program('main')
          .run().r0,
      ).toBe(0n)
      const free = 'r1 = counts ll\nr2 = 0\nw3 = 1\ncall bpf_arena_free_pages\nr0 = 4'
      expect(
        load(ARRAY + main(free))
          .object.program('main')
          .run().r0,
      ).toBe(4n)
    })
  })

  describe('closing', () => {
    test('handles of a closed machine say so; closing twice is closing once', () => {
      const { machine, object } = load(`${ARRAY}${ARENA}.global total: u64\n${main('r1 = arena ll\nr0 = 0')}`)
      const mapping = object.map('arena').mmap()
      mapping.setU64(mapping.start, 5n)
      machine.close()
      machine.close()
      const uses = [
        () => object.program('main').run(),
        () => object.map('counts').get(0),
        () => object.map('arena').mmap(),
        () => object.global('total').get(),
        () => object.global('total').set(1),
        () => machine.load(assemble(main('r0 = 0'))),
        () => machine.advance(1),
        () => machine.settle(),
      ]
      for (const use of uses) expect(use).toThrow(/closed/)
      expect(() => mapping.u64(mapping.start)).toThrow(HarenaError)
    })

    test('its memories are all zero for the next machine, and there are no more of them', () => {
      const round = (): void => {
        const machine = make()
        const object = machine.load(assemble(ARENA + main('r1 = arena ll\nr0 = 0')))
        const arena = object.map('arena').mmap()
        for (let page = 0n; page < 16n; page++) expect(arena.u64(arena.start + page * 4096n)).toBe(0n)
        for (let page = 0n; page < 16n; page++) arena.setU64(arena.start + page * 4096n, page + 1n)
        object.program('main').run({ ctx: new Uint8Array(65_535).fill(7) })
        machine[Symbol.dispose]()
      }
      round()
      const before = pooledMemories()
      for (let n = 0; n < 20; n++) round()
      expect(pooledMemories()).toBe(before)
    })

    test('options that cannot be', () => {
      expect(() => make({ cpus: 0 })).toThrow(HarenaError)
      expect(() => make({ engine: 'linux' as 'jit' })).toThrow('harena does not implement engine linux')
      expect(() => make({ policies: { debug: 'yes' } as object })).toThrow('policy debug is off or on, not yes')
      expect(() => make({ policies: { placment: 'best-fit' } as object })).toThrow(
        'there is no policy placment; did you mean placement?',
      )
      expect(() => make({ policies: { colour: 'red' } as object })).toThrow(
        'there is no policy colour; there are placement',
      )
      expect(() => make({ zork: 0 } as object)).toThrow('a machine has no option zork; there are cpus, engine')
      expect(() => make({ memorylimit: 0 } as object)).toThrow('no option memorylimit; did you mean memoryLimit?')
      expect(() => make({ seed: 0.5 })).toThrow('seed is a whole number, not 0.5')
      expect(() => make({ policies: { placement: 'worst-fit' as 'best-fit' } })).toThrow(/best-fit or first-fit/)
      expect(() => make({ memoryLimit: Number.NaN })).toThrow(/memoryLimit/)
      expect(() => make({ memoryLimit: 2 ** 20 }).load(assemble(ARENA + main('r0 = 0')))).toThrow(/ENOMEM/)
    })
  })

  function caught(run: () => unknown): unknown {
    try {
      run()
    } catch (error) {
      return error
    }
    throw new Error('nothing was thrown')
  }
})
