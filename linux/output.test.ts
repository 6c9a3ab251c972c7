import { existsSync, readdirSync } from 'node:fs'
import { expect, type TestContext, test } from 'vitest'
import { assemble } from '../index.ts'
import { LinuxMachine } from './machine.ts'
import { skipWithoutKernel } from './testing.ts'

const INSTANCES = '/sys/kernel/tracing/instances'

const SOURCE = `
    .license "GPL"
    .global text: u8[16] = "%d of %d\\n"
    .global lines: u8[16] = "one\\ntwo"
    .program say type=syscall
        r6 = *(u64 *)(r1 + 0)
        r1 = text ll
        r2 = 10
        r3 = r6
        r4 = 9
        call bpf_trace_printk
        r0 = 0
        exit
    .program twice type=syscall
        r1 = lines ll
        r2 = 8
        call bpf_trace_printk
        r0 = 0
        exit
`

function skipWithoutTracer(ctx: TestContext): void {
  skipWithoutKernel(ctx)
  if (!existsSync(INSTANCES)) ctx.skip('tracefs is not mounted: what programs print cannot be seen')
}

test('lines that programs print, with the name of the program', (ctx) => {
  skipWithoutTracer(ctx)
  const machine = new LinuxMachine()
  try {
    const object = machine.load(assemble(SOURCE))
    const say = (value: number): unknown =>
      object.program('say').run({ ctx: Uint8Array.of(value, 0, 0, 0, 0, 0, 0, 0) })
    const heard: string[] = []
    say(1)
    const stop = machine.on('output', (line, program) => heard.push(`${program}: ${line}`))
    say(2)
    object.program('twice').run()
    say(3)
    stop()
    say(4)
    expect(heard).toEqual(['say: 2 of 9', 'twice: one', 'twice: two', 'say: 3 of 9'])
  } finally {
    machine.close()
  }
})

test('machines of a process hear their own programs only, and leave nothing behind', (ctx) => {
  skipWithoutTracer(ctx)
  const bystander = new LinuxMachine()
  const overheard: string[] = []
  bystander.on('output', (line) => overheard.push(line))
  for (const expected of ['say: 7 of 9', 'say: 8 of 9']) {
    const machine = new LinuxMachine()
    const heard: string[] = []
    machine.on('output', (line, program) => heard.push(`${program}: ${line}`))
    const value = Number(expected[5])
    machine
      .load(assemble(SOURCE))
      .program('say')
      .run({ ctx: Uint8Array.of(value, 0, 0, 0, 0, 0, 0, 0) })
    machine.close()
    expect(heard).toEqual([expected])
  }
  bystander.load(assemble(SOURCE)).program('twice').run()
  bystander.close()
  expect(overheard).toEqual(['one', 'two'])
  expect(readdirSync(INSTANCES).filter((name) => name.startsWith(`harena-${process.pid}-`))).toEqual([])
})

test('a listener without the tracer is an error that says so', (ctx) => {
  skipWithoutKernel(ctx)
  if (existsSync(INSTANCES)) ctx.skip('tracefs is mounted')
  const machine = new LinuxMachine()
  try {
    expect(() => machine.on('output', () => undefined)).toThrow(/^what programs print cannot be seen: tracefs is not/u)
  } finally {
    machine.close()
  }
})
