/** The work in TypeScript, as anyone would write it. */
import { stopwatch } from '../clock.ts'
import type { Engine } from './engine.ts'

export function plain(): Engine {
  return {
    name: 'plain',
    prepare: (workload, rounds) => {
      const work = workload.plain?.(rounds)
      if (work === undefined) return undefined
      return {
        run: (repeat) => {
          work.before?.()
          stopwatch.start()
          let answer = 0
          for (let done = 0; done < repeat; done++) answer = work.run()
          return { ...stopwatch.stop(), answer: answer | 0 }
        },
        check: () => {
          const value = work.check?.()
          return value === undefined ? undefined : value | 0
        },
        close: () => undefined,
      }
    },
    close: () => undefined,
  }
}
