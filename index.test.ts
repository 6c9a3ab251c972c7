/** The public entry: what assembling, verifying and running are like together. */
import { describe, expect, test, vi } from 'vitest'
import {
  assemble,
  ErrnoError,
  HarenaError,
  helperById,
  Machine,
  runConformance,
  SegmentationFault,
  VerifierError,
} from './index.ts'
import { build } from './isa/instruction.ts'
import { rowNamed } from './isa/table.ts'
import { HELPERS } from './program/helpers.ts'
import { IMPLEMENTED_HELPERS } from './vm/helpers.ts'

const LIST = `
.map arena type=arena entries=100 flags=mmapable|segv_on_fault extra=0x100000010000
.struct item
    next: ptr item arena
    value: u64
.end
.global head: ptr item arena
.license "GPL"
.program add_item type=syscall
    r6 = *(u64 *)(r1 + 0)
    r1 = arena ll
    r2 = 0
    w3 = 1
    w4 = -1
    r5 = 0
    call bpf_arena_alloc_pages
    if r0 == 0 goto fail
    r1 = addr_space_cast(r0, 0, 1)
    *(u64 *)(r1 + item.value) = r6
    r2 = head ll
    r3 = *(u64 *)(r2 + 0)
    *(u64 *)(r1 + item.next) = r3
    *(u64 *)(r2 + 0) = r0
    r0 = 0
    exit
fail:
    r0 = 1
    exit
`

describe('Machine', () => {
  test('loads, runs, and shows user space the same bytes', () => {
    const machine = new Machine({ cpus: 2, seed: 1 })
    const object = machine.load(assemble(LIST))
    const add = object.program('add_item')
    for (const value of [5, 6, 7]) {
      expect(add.run({ ctx: Uint8Array.of(value, 0, 0, 0, 0, 0, 0, 0), cpu: 1 }).retval).toBe(0)
    }
    const arena = object.map('arena').mmap()
    let total = 0n
    for (let at = object.global('head').get(); at !== 0n; at = arena.u64(at)) total += arena.u64(at + 8n)
    expect(total).toBe(18n)
    expect(arena.struct<{ value: bigint }>('item', object.global('head').get()).value).toBe(7n)
    expect(() => arena.u64(arena.start + 99n * 4096n)).toThrow(SegmentationFault)
    expect(() => add.run({ ctx: new Uint8Array(7) })).toThrow(ErrnoError)
    machine.close()
    expect(() => arena.u64(arena.start)).toThrow(HarenaError)
  })

  test('throws at the first program that is rejected', () => {
    const machine = new Machine()
    const source = '.program bad type=syscall\n r0 = r2\n exit\n'
    try {
      machine.load(assemble(source, { file: 'bad.bpf.s' }))
      expect.unreachable()
    } catch (error) {
      if (!(error instanceof VerifierError)) throw error
      expect(error).toMatchObject({ program: 'bad', errno: 'EACCES', instruction: 0, reason: 'R2 !read_ok' })
      expect(error.source).toMatchObject({ file: 'bad.bpf.s', line: 2 })
      expect(error.log).toContain('R2 !read_ok')
    }
    machine.close()
  })

  test('refuses by name every helper of syscall programs that no engine runs', () => {
    const machine = new Machine()
    const missing = HELPERS.filter(({ id, available }) => available.includes('syscall') && !IMPLEMENTED_HELPERS.has(id))
    expect(missing.length).toBeGreaterThan(50)
    for (const { id, name } of missing) {
      const insns = [build(rowNamed('call_helper'), { imm: id }), build(rowNamed('exit'))]
      expect(() => machine.loadProgram({ name: 'p', type: 'syscall', license: 'GPL', insns })).toThrow(
        `harena does not implement ${name}`,
      )
    }
    machine.close()
  })

  test('tells how far long verifications and runs have come', () => {
    let now = 0
    const hostTime = (): number => {
      now += 10
      return now
    }
    const machine = new Machine({ hostTime })
    const source = '.program p type=syscall\n r0 = 0\nl: r0 += 1\n if r0 < 20000 goto l\n exit\n'
    const processed: number[] = []
    const program = machine.load(assemble(source), { progress: (count) => processed.push(count) }).program('p')
    expect(processed).toEqual([32768])
    const elapsed: number[] = []
    program.run({ repeat: 4, timeoutMs: 0, progress: (ms) => elapsed.push(ms) })
    // Looked at between two runs; the first look at the clock was for the start.
    expect(elapsed).toEqual([20, 30, 40])
    machine.close()
  })

  test('runs the same from the same seed', () => {
    const body =
      '.program r type=syscall\n call bpf_get_prandom_u32\n r6 = r0\n call bpf_ktime_get_ns\n r0 += r6\n exit\n'
    const run = (seed: number): readonly bigint[] => {
      const machine = new Machine({ seed })
      const program = machine.load(assemble(body)).program('r')
      const values = [program.run().r0, program.run().r0]
      machine.close()
      return values
    }
    expect(helperById(7)?.name).toBe('bpf_get_prandom_u32')
    expect(run(3)).toEqual(run(3))
    expect(run(3)).not.toEqual(run(4))
  })
})

describe('engines', () => {
  const SEVEN = assemble('.program seven type=syscall\nr0 = 3\nr0 += 4\nexit\n')

  test('programs are compiled, and the module can be had', async () => {
    const machine = new Machine()
    expect(machine.engine).toBe('jit')
    const object = await machine.loadAsync(SEVEN)
    const { bytes, text } = object.program('seven').translation()!
    expect(WebAssembly.validate(bytes)).toBe(true)
    expect(text).toMatch(/^;; program seven, syscall, 3 instructions\n/u)
    expect(object.program('seven').run().retval).toBe(7)
    machine.close()
    expect(() => object.program('seven').translation()).toThrow('closed')
  })

  test('a trace runs on the interpreter, which is said once, on standard error', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    const machine = new Machine()
    const program = machine.load(SEVEN).program('seven')
    const lines: string[] = []
    for (let n = 0; n < 2; n++) program.run({ trace: (line) => lines.push(line) })
    expect([lines.length, warn.mock.calls]).toEqual([6, [['harena: trace runs on the interpreter']]])
    warn.mockRestore()
    machine.close()
  })

  test('conformance vectors run on each', () => {
    const program = Uint8Array.of(0xb7, 0, 0, 0, 7, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0)
    for (const engine of [undefined, 'jit', 'interpreter'] as const) {
      expect(runConformance(program, new Uint8Array(), { engine })).toBe(7n)
    }
    expect(() => runConformance(program, new Uint8Array(), { engine: 'linux' as 'jit' })).toThrow(HarenaError)
  })
})
