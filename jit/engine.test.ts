/** What the compiler says of a program beside its code. */
import { expect, test } from 'vitest'
import { assemble } from '../asm/assemble.ts'
import { Machine } from '../index.ts'
import { verify } from '../verifier/verify.ts'
import type { Engine } from '../vm/engine.ts'
import { MachineCore } from '../vm/machine.ts'
import { SPLIT_FROM } from './chunks.ts'
import type { Compiled } from './compile.ts'
import { compile, jit } from './engine.ts'

function compiled(lines: string): Compiled {
  const found: Compiled[] = []
  const watching: Engine = {
    ...jit,
    prepare: (input) => {
      found.push(compile(input))
      return jit.prepare(input)
    },
  }
  const machine = new MachineCore({}, { verify, engines: [watching] })
  try {
    machine.load(assemble(`.license "GPL"\n.program main type=syscall\n${lines}`))
  } finally {
    machine.close()
  }
  return found[0]!
}

test.each([
  ['straight code', 'r0 = 1\nexit', false],
  ['branches', 'r0 = 1\nif r0 == 1 goto out\nr0 = 2\nout: exit', false],
  ['a call', 'call f\nexit\n.func f\nr0 = 1\nexit', false],
  ['a bounded loop', 'r0 = 9\nagain: r0 += -1\nif r0 != 0 goto again\nexit', true],
  ['may_goto', 'r0 = 0\nagain: may_goto out\nr0 += 1\ngoto again\nout: exit', true],
  ['a loop in a function', 'call f\nexit\n.func f\nr0 = 9\nagain: r0 += -1\nif r0 != 0 goto again\nexit', true],
])('%s: whether it loops', (_, lines, loops) => expect(compiled(lines).loops).toBe(loops))

test('natives are imported once each, whatever calls them', () => {
  const { natives } = compiled('call 5\ncall 7\ncall 5\ncall bpf_rcu_read_lock\ncall bpf_rcu_read_unlock\nr0 = 0\nexit')
  expect(natives.map(({ kind }) => kind)).toEqual(['helper', 'helper', 'kfunc', 'kfunc'])
  expect(natives.slice(0, 2).map(({ id }) => id)).toEqual([5, 7])
})

/** r0 of an unchecked program. */
function unchecked(lines: string): bigint {
  const machine = new Machine({ engine: 'jit' })
  try {
    return machine
      .load(assemble(`.program main type=syscall\n${lines}`), { unchecked: true })
      .program('main')
      .run().r0
  } finally {
    machine.close()
  }
}

test('calls through a register are short code, however many functions there are', () => {
  const COUNT = 600
  const numbers = Array.from({ length: COUNT }, (_, n) => n)
  const calls = numbers.map((n) => `r1 = f${n} ll\ncallx r1`)
  const functions = numbers.map((n) => `.func f${n}\nr0 += ${n}\nexit`)
  expect(unchecked(['r0 = 0', ...calls, 'exit', ...functions].join('\n'))).toBe(BigInt((COUNT * (COUNT - 1)) / 2))
})

test('a call through a register into the middle of a function faults', () => {
  expect(() => unchecked('r1 = f ll\nr1 += 8\ncallx r1\nexit\n.func f\nr0 = 1\nexit')).toThrow(
    'call of no function at instruction 3: callx r1',
  )
})

test('what a listener frees while a program prints is gone behind the call', () => {
  const machine = new Machine({ engine: 'jit', cpus: 2 })
  try {
    const loaded = machine.load(
      assemble(`
        .map arena type=arena entries=16 extra=0x100000010000
        .license "GPL"
        .program main type=syscall
          r1 = arena ll
          r2 = 0x100000010000 ll
          w3 = 3
          w4 = -1
          r5 = 0
          call bpf_arena_alloc_pages
          r0 += 4096
          r6 = addr_space_cast(r0, 0, 1)
          *(u64 *)(r6 + 0) = 1
          *(u64 *)(r10 - 8) = 0x6968
          r1 = r10
          r1 += -8
          r2 = 4
          call bpf_trace_printk
          *(u64 *)(r6 + 0) = 99
          r0 = *(u64 *)(r6 + 0)
          exit
        .program free type=syscall
          r1 = arena ll
          r2 = 0x100000010000 ll
          w3 = 3
          call bpf_arena_free_pages
          r0 = 0
          exit`),
    )
    machine.on('output', () => {
      loaded.program('free').run({ cpu: 1 })
    })
    expect(loaded.program('main').run().r0).toBe(0n)
  } finally {
    machine.close()
  }
})

test.each([
  ['short', 1],
  ['in pieces', SPLIT_FROM],
])('a load-acquire of an absent page leaves the register, in a function that is %s', (_, length) => {
  const machine = new Machine({ engine: 'jit' })
  try {
    const loaded = machine.load(
      assemble(`
        .map arena type=arena entries=16 extra=0x100000010000
        .program main type=syscall
          r1 = 0x100000010000 ll
          r1 = addr_space_cast(r1, 0, 1)
          r2 = 5
          call f
          exit
        .func f
          r3 = arena ll
          r6 = r2
          r6 += 2
          ${'r3 = 1\n'.repeat(length)}
          r2 = load_acquire((u64 *)(r1 + 0))
          r6 = load_acquire((u64 *)(r1 + 0))
          r0 = r2
          r0 += r6
          exit`),
    )
    expect(loaded.program('main').run().r0).toBe(12n)
  } finally {
    machine.close()
  }
})
