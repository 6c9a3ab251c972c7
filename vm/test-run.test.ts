/**
 * BPF_PROG_TEST_RUN of xdp and socket programs: what is refused, what programs see, what comes out. Each row says what
 * must come out here; where the kernel can be asked, it must say the same, every byte of packet and context.
 */
import { afterAll, describe, expect, test } from 'vitest'
import { assemble } from '../asm/assemble.ts'
import { ErrnoError, HarenaError } from '../errors/errors.ts'
import { Machine } from '../index.ts'
import { LinuxMachine, type LinuxObject, whyUnavailable } from '../linux/index.ts'
import { contextLayout } from '../program/contexts.ts'
import type { LoadedObject } from './loaded-object.ts'
import { type Expected, type Given, packet, type Row } from './test-run-case.ts'
import { SOCKET, SOCKET_ROWS } from './test-run-socket.ts'
import { XDP, XDP_ROWS } from './test-run-xdp.ts'

describe.each(['interpreter', 'jit'] as const)('on the %s', (engine) => {
  interface Outcome {
    readonly retval: number
    readonly data: Uint8Array | undefined
    readonly ctx: Uint8Array | undefined
  }

  const XDP_SIZE: number = contextLayout('xdp')!.size
  const SKB_SIZE: number = contextLayout('socket')!.size

  /** Packet and context of a row as bytes; both are new each time. */
  function inputOf(given: Given, structSize: number): { data?: Uint8Array; ctx?: Uint8Array; repeat?: number } {
    const { data, ctx, size = structSize, repeat } = given
    const view = new DataView(new ArrayBuffer(size))
    for (const [at, value] of Object.entries(ctx ?? {})) view.setUint32(Number(at), value, true)
    return {
      ...(data === undefined ? {} : { data: typeof data === 'number' ? packet(data) : data }),
      ...(ctx === undefined ? {} : { ctx: new Uint8Array(view.buffer) }),
      ...(repeat === undefined ? {} : { repeat }),
    }
  }

  /** What a row gives, or its errno. */
  function outcomeOf(object: LoadedObject | LinuxObject, row: Row, structSize: number): Outcome | string {
    const input = inputOf(row[2], structSize)
    try {
      const { retval, data } = object.program(row[1]).run(input)
      return { retval, data, ctx: input.ctx }
    } catch (error) {
      if (error instanceof ErrnoError) return error.errno
      throw error
    }
  }

  function check(outcome: Outcome | string, expected: Expected | string): void {
    if (typeof expected === 'string' || typeof outcome === 'string') {
      expect(outcome).toBe(expected)
      return
    }
    const { retval, data, ctx } = outcome
    if (expected.retval !== undefined) expect(retval).toBe(expected.retval)
    if (expected.length !== undefined) expect(data?.length).toBe(expected.length)
    for (const [at, byte] of Object.entries(expected.data ?? {})) expect([at, data?.[Number(at)]]).toEqual([at, byte])
    const view = ctx === undefined ? undefined : new DataView(ctx.buffer)
    for (const [at, word] of Object.entries(expected.ctx ?? {})) {
      expect([at, view?.getUint32(Number(at), true)]).toEqual([at, word])
    }
  }

  describe.each([
    { type: 'xdp', source: XDP, rows: XDP_ROWS, size: XDP_SIZE },
    { type: 'socket', source: SOCKET, rows: SOCKET_ROWS, size: SKB_SIZE },
  ])('test runs of $type programs', ({ source, rows, size }) => {
    const spec = assemble(`.license "GPL"\n${source}`)
    const machine = new Machine({ engine })
    const object = machine.load(spec)
    const why = whyUnavailable('packets')
    const linux = why === undefined ? new LinuxMachine() : undefined
    const live = linux?.load(spec)
    afterAll(() => {
      machine.close()
      linux?.close()
    })

    test.for(rows)('%s (%s)', (row) => check(outcomeOf(object, row, size), row[3]))

    test.for(rows)('%s (%s), on the running kernel', (row, ctx) => {
      if (live === undefined) return ctx.skip(`the kernel cannot be asked: ${why}`)
      expect(outcomeOf(live, row, size)).toEqual(outcomeOf(object, row, size))
    })
  })

  describe('contexts of the CPU', () => {
    const source = `.license "GPL"
.program task type=syscall
  r0 = 0
  exit
${XDP}
.program filter type=socket
  r0 = 0
  exit
`
    const machine = new Machine({ engine })
    const object = machine.load(assemble(source))
    afterAll(() => machine.close())
    const data = packet(64)

    test.each(['task', 'softirq'] as const)('packets are worked on in %s', (context) => {
      expect(object.program('pass').run({ data, context }).retval).toBe(2)
      expect(object.program('filter').run({ data, context }).retval).toBe(0)
    })

    test.each(['hardirq', 'nmi'] as const)('nothing runs in %s', (context) => {
      expect(() => object.program('pass').run({ data, context })).toThrow(
        new HarenaError(`program pass: xdp programs run in task or softirq context, not in ${context}`),
      )
      expect(() => object.program('filter').run({ data, context })).toThrow(/socket programs run in task or softirq/)
      expect(() => object.program('task').run({ context })).toThrow(/syscall programs run in task context only/)
    })

    test('syscall programs do not run in softirq', () => {
      expect(() => object.program('task').run({ context: 'softirq' })).toThrow(HarenaError)
    })
  })

  describe('results', () => {
    const machine = new Machine({ engine })
    const object = machine.load(assemble(`.license "GPL"\n${XDP}\n.program call type=syscall\n r0 = 0\n exit\n`))
    afterAll(() => machine.close())

    test('the packet that was given is left alone', () => {
      const data = packet(64)
      const result = object.program('count').run({ data })
      expect([data[0], result.data?.[0]]).toEqual([1, 2])
    })

    test('a short context gets what it has room for; the result has all', () => {
      const ctx = Uint8Array.from([4, 0, 0, 0, 40])
      const result = object.program('length').run({ data: packet(64), ctx })
      expect([...ctx]).toEqual([4, 0, 0, 0, 40])
      expect(result.ctx?.length).toBe(XDP_SIZE)
      expect(object.program('length').run({ data: packet(64) }).ctx).toBeUndefined()
    })

    test('a syscall program has its context and no packet', () => {
      const ctx = Uint8Array.from([1, 2, 3])
      expect(object.program('call').run({ ctx })).toMatchObject({ data: undefined, ctx })
      expect(object.program('call').run()).toMatchObject({ data: undefined, ctx: undefined })
    })
  })
})
