import { describe, expect, test } from 'vitest'
import { InternalError, LockError } from '../errors/errors.ts'
import { giveBack, takeMemory } from '../memory/pool.ts'
import { hookedSteps } from '../memory/steps.ts'
import { makeCpus } from './cpu.ts'
import { Injector } from './inject.ts'
import { EDEADLK, ETIMEDOUT, Locks } from './locks.ts'
import { Processors } from './processors.ts'

const AT = 64

function withLocks(work: (locks: Locks, processors: Processors, injector: Injector, words: Int32Array) => void): void {
  const memory = takeMemory()
  const injector = new Injector()
  const processors = new Processors(makeCpus(2, 1n))
  try {
    work(new Locks(hookedSteps(memory, injector.beforeStep), processors), processors, injector, memory.i32)
  } finally {
    giveBack(memory, [[0, 4096]])
  }
}

describe('locks', () => {
  test('a CPU that waits for itself is a deadlock; the report has both stacks', () => {
    withLocks((locks, processors) => {
      processors.run(1, 'task', 'kfree', () => {
        locks.lock(AT, 'the lock')
        processors.enter('a program')
        try {
          processors.run(1, 'nmi', 'update', () => locks.lock(AT, 'the lock'))
          expect.unreachable()
        } catch (error) {
          expect(error).toBeInstanceOf(LockError)
          expect((error as LockError).message).toBe(
            [
              'deadlock: CPU 1 waits for the lock, which it holds itself',
              '  taken by',
              '    CPU 1, task: kfree',
              '  wanted by',
              '    CPU 1, nmi: update',
              '    CPU 1, task: a program',
              '    CPU 1, task: kfree',
            ].join('\n'),
          )
          expect(locks.report).toBe((error as LockError).report)
        }
        processors.leave()
      })
    })
  })

  test('a CPU that waits for a paused one is a schedule that cannot be', () => {
    withLocks((locks, processors) => {
      processors.run(0, 'task', 'holder', () => {
        locks.lock(AT, 'the lock')
        const wait = (): void => processors.run(1, 'task', 'waiter', () => locks.lock(AT, 'the lock'))
        expect(wait).toThrow(/CPU 1 waits for the lock of CPU 0, which is paused/u)
        expect(locks.report?.kind).toBe('impossible-schedule')
      })
    })
  })

  test('tries fail, and resilient locks say why', () => {
    withLocks((locks, processors) => {
      expect(locks.resilientLock(AT, 'x')).toBe(0)
      expect([locks.tryLock(AT, 'x'), locks.resilientLock(AT, 'x')]).toEqual([false, EDEADLK])
      processors.run(1, 'task', 'other', () => expect(locks.resilientLock(AT, 'x')).toBe(ETIMEDOUT))
      locks.unlock(AT)
      expect([locks.isLocked(AT), locks.tryLock(AT, 'x'), locks.isLocked(AT)]).toEqual([false, true, true])
    })
  })

  test('given up in any order; one that nobody holds is our mistake', () => {
    withLocks((locks) => {
      locks.lock(AT, 'a')
      locks.lock(AT + 4, 'b')
      locks.unlock(AT)
      expect(locks.held).toEqual([{ at: AT + 4, name: 'b' }])
      locks.unlock(AT + 4)
      expect(() => locks.unlock(AT)).toThrow(InternalError)
    })
  })
})

test.each([1, 0x6b6b6b6b])('a word %i that nobody has written is no deadlock', (word) => {
  withLocks((locks, _, __, words) => {
    words[AT / 4] = word
    expect(() => locks.lock(AT, 'the lock')).toThrow(InternalError)
    expect(locks.report).toBeUndefined()
    expect(locks.tryLock(AT, 'the lock')).toBe(false)
  })
})

test('what was given up leaves no trace', () => {
  withLocks((locks) => {
    for (const name of ['a', 'b', 'c']) {
      locks.lock(AT, name)
      locks.lock(AT + 4, name)
      expect(locks.holding).toBe(2)
      locks.unlock(AT + 4)
      locks.unlock(AT)
      expect([locks.held, locks.holding]).toEqual([[], 0])
      expect(() => locks.unlock(AT)).toThrow(InternalError)
      locks.lock(AT + 8, name)
      expect(locks.held).toEqual([{ at: AT + 8, name }])
      locks.unlock(AT + 8)
    }
  })
})

describe('the injector', () => {
  test('counts steps, and runs what is planned before one of them, whose own steps do not count', () => {
    withLocks((locks, _, injector) => {
      const seen: number[] = []
      injector.start()
      injector.at(2, () => {
        seen.push(injector.step)
        locks.lock(AT + 8, 'inner')
      })
      injector.each((step) => seen.push(step))
      locks.lock(AT, 'a')
      locks.unlock(AT)
      locks.isLocked(AT)
      expect([seen, injector.step]).toEqual([[1, 2, 2, 3], 3])
      injector.start()
      locks.isLocked(AT)
      expect([seen.length, injector.step]).toEqual([4, 1])
    })
  })

  test('nests as deep as it is told', () => {
    const memory = takeMemory()
    const injector = new Injector(3)
    const steps = hookedSteps(memory, injector.beforeStep)
    let depth = 0
    injector.each(() => {
      depth++
      steps.load32(AT)
    })
    steps.load32(AT)
    expect([depth, injector.step]).toEqual([3, 1])
    giveBack(memory, [])
  })
})
