/** Which engine runs what, what is said of it, and programs that are entered again while they run. */
import { describe, expect, test } from 'vitest'
import { assemble } from '../asm/assemble.ts'
import { HarenaError } from '../errors/errors.ts'
import { jit } from '../jit/engine.ts'
import { verify } from '../verifier/verify.ts'
import type { Engine } from './engine.ts'
import { interpreter } from './interpreter-engine.ts'
import { MachineCore } from './machine.ts'
import type { MachineOptions } from './options.ts'

const LACK = 'WebAssembly of this host lacks memories beside each other (multi-memory)'
/** The compiler, on a host that cannot run what it makes. */
const lacking: Engine = { ...jit, lacks: () => LACK }

const PROGRAM = '.program main type=syscall\nr0 = 3\nr0 += 4\nexit\n'

/** A machine, and what it says. */
function make(
  options: MachineOptions = {},
  engines: readonly Engine[] = [jit, interpreter],
): { machine: MachineCore; said: string[] } {
  const said: string[] = []
  return { machine: new MachineCore({ warn: (line) => said.push(line), ...options }, { verify, engines }), said }
}

describe('the default engine', () => {
  test('is the first, and says nothing', () => {
    const { machine, said } = make()
    expect(machine.engine).toBe('jit')
    expect(machine.load(assemble(PROGRAM)).program('main').run().retval).toBe(7)
    expect(said).toEqual([])
    machine.close()
  })

  test('is the interpreter where the host lacks something, which is said once', () => {
    const { machine, said } = make({}, [lacking, interpreter])
    expect(machine.engine).toBe('interpreter')
    const program = machine.load(assemble(PROGRAM)).program('main')
    expect([program.run().retval, program.run().retval]).toEqual([7, 7])
    expect(program.translation()).toBeUndefined()
    expect(said).toEqual([`jit: ${LACK}; programs run on the interpreter`])
    machine.close()
  })

  test.each(['trace', 'hook'] as const)('leaves runs with %s to the interpreter, which is said once', (what) => {
    const { machine, said } = make()
    const program = machine.load(assemble(PROGRAM)).program('main')
    let count = 0
    const looking = { [what]: () => count++ }
    expect([program.run(looking).retval, program.run(looking).retval]).toEqual([7, 7])
    expect(count).toBeGreaterThan(5)
    expect(said).toEqual([`${what} runs on the interpreter`])
    machine.close()
  })

  test('leaves machines with injection to the interpreter', () => {
    const { machine, said } = make({ injection: true })
    expect([machine.engine, said]).toEqual(['interpreter', ['injection runs on the interpreter']])
    machine.close()
  })

  test('is none where nothing runs', () => {
    expect(() => make({}, [lacking])).toThrow(new HarenaError('no engine runs on this host'))
  })
})

describe('an engine that was asked for', () => {
  test('is that one, or an error', () => {
    expect(make({ engine: 'interpreter' }).machine.engine).toBe('interpreter')
    expect(() => make({ engine: 'jit' }, [lacking, interpreter])).toThrow(new HarenaError(`engine jit: ${LACK}`))
    expect(() => make({ engine: 'linux' as 'jit' })).toThrow('harena does not implement engine linux')
  })

  test('the compiler has no hooks', () => {
    const { machine, said } = make({ engine: 'jit' })
    const program = machine.load(assemble(PROGRAM)).program('main')
    const refused = (what: string): HarenaError =>
      new HarenaError(`${what} does not work on engine jit, but on interpreter`)
    expect(() => program.run({ trace: () => undefined })).toThrow(refused('trace'))
    expect(() => program.run({ hook: () => undefined })).toThrow(refused('hook'))
    expect(() => make({ engine: 'jit', injection: true })).toThrow(refused('injection'))
    expect([program.run().retval, said]).toEqual([7, []])
    machine.close()
  })
})

test('loadAsync has programs ready before they run', async () => {
  for (const engine of ['jit', 'interpreter'] as const) {
    const { machine } = make({ engine })
    const object = await machine.loadAsync(assemble(PROGRAM))
    expect(object.program('main').run().retval).toBe(7)
    await object.program('main').ready()
    await expect(machine.loadAsync(assemble('.program main type=syscall\nr0 = r5\nexit\n'))).rejects.toThrow('!read_ok')
    machine.close()
    await expect(object.program('main').ready()).rejects.toThrow('closed')
  }
})

describe.each([interpreter, jit])('entered again on the $name', (engine) => {
  /** Prints its context's first word, then adds it to what it keeps in registers and on its stack. */
  const RECURSIVE = `.license "GPL"
.program main type=syscall
    r6 = *(u64 *)(r1 + 0)
    r7 = r6
    r7 *= 100
    *(u64 *)(r10 - 16) = r7
    r1 = 0x0a6425
    *(u64 *)(r10 - 8) = r1
    r1 = r10
    r1 += -8
    w2 = 4
    r3 = r6
    call bpf_trace_printk
    r0 = r6
    r1 = *(u64 *)(r10 - 16)
    r0 += r1
    exit
`
  const ctx = (n: number): Uint8Array => Uint8Array.from([n, 0, 0, 0, 0, 0, 0, 0])

  function recursive(depth: number, at: (n: number) => void = () => undefined): { results: bigint[]; r0: bigint } {
    const { machine } = make({}, [engine])
    const program = machine.load(assemble(RECURSIVE)).program('main')
    const results: bigint[] = []
    machine.on('output', (line) => {
      const n = Number(line)
      at(n)
      if (n < depth) results.push(program.run({ ctx: ctx(n + 1) }).r0)
    })
    try {
      return { r0: program.run({ ctx: ctx(1) }).r0, results }
    } finally {
      machine.close()
    }
  }

  test('each run has registers and a stack of its own', () => {
    expect(recursive(5)).toEqual({ r0: 101n, results: [505n, 404n, 303n, 202n] })
  })

  test('as deep as there are run areas ready, and deeper', () => {
    const { r0, results } = recursive(40)
    expect([r0, results[0], results.length]).toEqual([101n, 40n * 101n, 39])
  })

  test('a run that ends by an exception leaves those below it alone', () => {
    const { machine } = make({}, [engine])
    const program = machine.load(assemble(RECURSIVE)).program('main')
    const results: unknown[] = []
    machine.on('output', (line) => {
      const n = Number(line)
      if (n === 3) throw new Error('enough')
      try {
        results.push(program.run({ ctx: ctx(n + 1) }).r0)
      } catch (error) {
        results.push(error)
      }
    })
    expect(program.run({ ctx: ctx(1) }).r0).toBe(101n)
    expect(results).toEqual([new Error('enough'), 202n])
    machine.close()
  })
})
