import { describe, expect, test } from 'vitest'
import { HarenaError, InternalError } from '../errors/errors.ts'
import { realClock, virtualClock } from './clock.ts'
import { CONTEXTS, MAX_CPUS, makeCpus } from './cpu.ts'
import { Output } from './output.ts'

describe('CPUs', () => {
  test('are numbered, in task context, and draw different random numbers', () => {
    const cpus = makeCpus(4, 1n)
    expect(cpus.map((cpu) => cpu.id)).toEqual([0, 1, 2, 3])
    expect(cpus.map((cpu) => cpu.context)).toEqual(['task', 'task', 'task', 'task'])
    expect(new Set(cpus.map((cpu) => cpu.random.u32())).size).toBe(4)
    expect(makeCpus(2, 1n)[1]!.random.u32()).toBe(makeCpus(5, 1n)[1]!.random.u32())
  })

  test.each([0, -1, 1.5, MAX_CPUS + 1, Number.NaN])('%s of them are refused', (count) => {
    expect(() => makeCpus(count, 1n)).toThrow(HarenaError)
  })

  const pairs = CONTEXTS.flatMap((outer) => CONTEXTS.map((inner) => [outer, inner] as const))
  test.each(pairs.filter(([outer]) => outer !== 'task'))('in %s, %s interrupts only from above', (outer, inner) => {
    const [cpu] = makeCpus(1, 1n)
    const nest = (): string => cpu!.interrupt(outer, () => cpu!.interrupt(inner, () => cpu!.context))
    if (CONTEXTS.indexOf(inner) > CONTEXTS.indexOf(outer)) expect(nest()).toBe(inner)
    else expect(nest).toThrow(InternalError)
    expect(cpu!.context).toBe('task')
  })

  test('a context is left when its work throws', () => {
    const [cpu] = makeCpus(1, 1n)
    const work = (): never => {
      throw new Error('from the handler')
    }
    expect(() => cpu!.interrupt('nmi', work)).toThrow('from the handler')
    expect(cpu!.context).toBe('task')
  })
})

describe('the virtual clock', () => {
  test('moves by reading and by advancing alone, the same way each time', () => {
    const readings = [virtualClock(), virtualClock()].map((clock) => {
      const first = clock.now()
      const second = clock.now()
      clock.advance(10n ** 18n)
      return [first, second, clock.now()]
    })
    expect(readings[0]).toEqual(readings[1])
    const [first, second, third] = readings[0]!
    expect(first).toBeGreaterThan(0n)
    expect(second! - first!).toBeGreaterThan(0n)
    expect(third! - second!).toBe(10n ** 18n + (second! - first!))
  })

  test('does not go back', () => {
    expect(() => virtualClock().advance(-1n)).toThrow(HarenaError)
  })
})

describe('the real clock', () => {
  test('never goes back, moves on, and cannot be pushed', async () => {
    const clock = realClock()
    const first = clock.now()
    for (let last = first, round = 0; round < 1000; round++) {
      const now = clock.now()
      expect(now >= last).toBe(true)
      last = now
    }
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(clock.now() > first).toBe(true)
    expect(() => clock.advance(1n)).toThrow(HarenaError)
  })
})

describe('output', () => {
  test.each([
    ['one line', 'hello\n', ['hello']],
    ['without an end', 'hello', ['hello']],
    ['several', 'a\n\nb\n', ['a', '', 'b']],
    ['an empty line', '\n', ['']],
    ['nothing', '', []],
  ])('%s', (_, text, expected) => {
    const output = new Output()
    const lines: string[] = []
    output.on((line, program) => lines.push(`${program}: ${line}`))
    output.print(text, 'p')
    expect(lines).toEqual(expected.map((line) => `p: ${line}`))
  })

  test('a listener taken away hears no more, the others do', () => {
    const output = new Output()
    const heard: string[] = []
    const off = output.on((line) => heard.push(`a ${line}`))
    output.on((line) => heard.push(`b ${line}`))
    output.print('1', 'p')
    off()
    off()
    output.print('2', 'p')
    expect(heard).toEqual(['a 1', 'b 1', 'b 2'])
  })
})
