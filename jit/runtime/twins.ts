/**
 * For tests: two machines with the same programs, one on the interpreter and one on the compiler, that must not differ in
 * anything: what programs answer, events, statistics, and the bytes of kernel memory.
 */
import { expect } from 'vitest'
import { assemble } from '../../asm/assemble.ts'
import type { Kernel } from '../../memalloc/kernel.ts'
import { descriptor, FIRST_PAGE, ORDER, OWNER, STATE, USED } from '../../memalloc/page-layout.ts'
import { PageOwner, touchedPages } from '../../memalloc/pages.ts'
import { PAGE_SIZE } from '../../program/types.ts'
import { verify } from '../../verifier/verify.ts'
import type { Engine } from '../../vm/engine.ts'
import { interpreter } from '../../vm/interpreter-engine.ts'
import type { LoadedObject } from '../../vm/loaded-object.ts'
import { MachineCore } from '../../vm/machine.ts'
import type { LoadOptions, MachineOptions } from '../../vm/options.ts'
import { jit } from '../engine.ts'

interface Side {
  readonly machine: MachineCore
  readonly object: LoadedObject
  readonly kernel: Kernel
}

export class Twins {
  readonly sides: readonly Side[]
  readonly #events: string[][] = [[], []]
  #unlisten: (() => void)[] = []

  constructor(source: string, options: MachineOptions = {}, load: LoadOptions = {}) {
    this.sides = [interpreter, jit].map((engine) => makeSide(engine, source, options, load))
  }

  /** Does the same on both machines, and compares everything. */
  step(what: string, work: (side: Side) => unknown): void {
    const [a, b] = this.sides.map((side) => answerOf(() => work(side)))
    expect(b, what).toEqual(a)
    this.compare(what)
  }

  /** Listens to all events from here on, or no more. */
  listen(on: boolean): void {
    for (const unlisten of this.#unlisten) unlisten()
    this.#unlisten = !on
      ? []
      : this.sides.map(({ machine }, side) =>
          machine.on('event', (event) => {
            this.#events[side]!.push(
              JSON.stringify(event, (_, value) => (typeof value === 'bigint' ? `${value}` : value)),
            )
          }),
        )
  }

  compare(what: string): void {
    const [a, b] = this.sides.map(({ kernel }) => memoryOf(kernel))
    const differing = [...a!].filter(([at, bytes]) => Buffer.compare(bytes, b!.get(at) ?? Buffer.alloc(0)) !== 0)
    const places = differing.map(([at, bytes]) => placeOf(at, bytes, b!.get(at)))
    expect(places, `kernel memory after ${what}`).toEqual([])
    expect(b!.size).toBe(a!.size)
    const [before, after] = this.sides.map(({ machine }) => machine.statistics())
    expect(after, what).toEqual(before)
    expect(this.#events[1], `events of ${what}`).toEqual(this.#events[0])
  }

  close(): void {
    for (const { machine } of this.sides) machine.close()
  }
}

function makeSide(engine: Engine, source: string, options: MachineOptions, load: LoadOptions): Side {
  let kernel: Kernel | undefined
  const looking: Engine = {
    ...engine,
    prepare: (input) => {
      kernel = input.services?.kernel
      return engine.prepare(input)
    },
  }
  const machine = new MachineCore({ ...options, engine: engine.name }, { verify, engines: [looking] })
  const object = machine.load(assemble(source), load)
  if (kernel === undefined) throw new Error('the source has no program')
  return { machine, object, kernel }
}

function answerOf(work: () => unknown): unknown {
  try {
    return work()
  } catch (error) {
    return `${error}`
  }
}

/** Touched kernel memory but for stacks and run areas, page by page. */
function memoryOf({ memory }: Kernel): Map<number, Buffer> {
  const pages = new Map<number, Buffer>()
  const bytes = Buffer.from(memory.buffer as ArrayBuffer, 0, memory.buffer.byteLength)
  let last = 0
  for (const [start, end] of touchedPages(memory)) {
    last = Math.max(last, end)
    for (let at = Math.max(start, PAGE_SIZE); at < end; ) {
      const next = Math.min(end, (Math.floor(at / PAGE_SIZE) + 1) * PAGE_SIZE)
      pages.set(at, bytes.subarray(at, next))
      at = next
    }
  }
  for (let page = FIRST_PAGE; page < last / PAGE_SIZE; page++) {
    const at = descriptor(page)
    if (memory.u8[at + STATE] !== USED || memory.u8[at + OWNER] !== PageOwner.STACK) continue
    for (let n = 0; n < 2 ** memory.u8[at + ORDER]!; n++) pages.delete((page + n) * PAGE_SIZE)
  }
  return pages
}

/** The first byte that differs. */
function placeOf(at: number, a: Uint8Array, b: Uint8Array = new Uint8Array()): string {
  const index = a.findIndex((byte, i) => byte !== b[i])
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes.slice(index & ~7, (index & ~7) + 8)).toString('hex')
  return `0x${(at + (index & ~7)).toString(16)}: ${hex(a)} | ${hex(b)}`
}
