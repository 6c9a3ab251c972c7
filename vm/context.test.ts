/** Contexts of fields in programs that nothing has verified: the same accesses, or a fault at the instruction. */
import { afterAll, describe, expect, test } from 'vitest'
import { assemble } from '../asm/assemble.ts'
import { FaultError, InternalError } from '../errors/errors.ts'
import { jit } from '../jit/engine.ts'
import { interpreter } from './interpreter-engine.ts'
import { MachineCore } from './machine.ts'
import type { RunResult } from './options.ts'

describe.each([interpreter, jit])('on the $name', (engine) => {
  const machine = new MachineCore(
    {},
    {
      verify: () => {
        throw new InternalError('these programs are not verified')
      },
      engines: [engine],
    },
  )
  afterAll(() => machine.close())

  const data = Uint8Array.from({ length: 64 }, (_, i) => i + 1)

  function run(type: 'xdp' | 'socket', body: string): RunResult {
    const source = `.program main type=${type}\n${body}\n exit\n`
    return machine.load(assemble(source), { unchecked: true }).program('main').run({ data })
  }

  describe('unchecked programs and their context', () => {
    test.each([
      ['a pointer from four bytes', 'xdp', 'r2 = *(u32 *)(r1 + 0)\nr0 = *(u8 *)(r2 + 3)', 4],
      ['the end of the packet', 'xdp', 'r2 = *(u32 *)(r1 + 0)\nr0 = *(u32 *)(r1 + 4)\nr0 -= r2', 64],
      ['through another pointer', 'xdp', 'r1 += 8\nr2 = *(u32 *)(r1 + 0)\nr0 = *(u8 *)(r2 + 0)', 1],
      ['a number', 'xdp', 'r0 = *(u32 *)(r1 + 12)', 1],
      ['a part of a number', 'socket', 'r0 = *(u16 *)(r1 + 0)', 50],
      ['what Linux gives for the other part', 'socket', 'r0 = *(u16 *)(r1 + 18)', 0x0e0d],
      ['cb', 'socket', 'r2 = 300\n*(u16 *)(r1 + 50) = r2\nr0 = *(u8 *)(r1 + 51)', 1],
      ['the socket', 'socket', 'r2 = *(u64 *)(r1 + 168)\nr0 = *(u32 *)(r2 + 72)', 7],
      ['the packet', 'socket', 'r6 = r1\nr0 = *(u16 *)skb[2]', 0x1112],
    ] as const)('%s (%s)', (_, type, body, expected) => expect(run(type, body).retval).toBe(expected))

    test('the packet is written', () => {
      const result = run('xdp', 'r2 = *(u32 *)(r1 + 0)\n*(u8 *)(r2 + 1) = 99\nr0 = 3')
      expect([...(result.data ?? [])].slice(0, 3)).toEqual([1, 99, 3])
    })

    test.each([
      ['xdp', 'r0 = *(u64 *)(r1 + 0)', 'struct xdp_md has no load of 8 bytes at 0 '],
      ['xdp', 'r0 = *(u16 *)(r1 + 12)', 'struct xdp_md has no load of 2 bytes at 12 '],
      ['xdp', 'r0 = *(u32 *)(r1 + 20)', 'struct xdp_md has no load of 4 bytes at 20 '],
      ['xdp', 'r0 = *(u64 *)(r1 + 24)', 'struct xdp_md has no load of 8 bytes at 24 '],
      ['xdp', '*(u32 *)(r1 + 12) = 1', 'struct xdp_md has no store of 4 bytes at 12 '],
      ['xdp', 'lock *(u32 *)(r1 + 12) += r2', 'struct xdp_md has no atomic access of 4 bytes at 12 '],
      ['xdp', 'r0 = load_acquire((u32 *)(r1 + 12))', 'struct xdp_md has no atomic access of 4 bytes at 12 '],
      ['socket', 'r0 = *(u32 *)(r1 + 76)', 'struct __sk_buff has no load of 4 bytes at 76 '],
      ['socket', '*(u32 *)(r1 + 8) = 1', 'struct __sk_buff has no store of 4 bytes at 8 '],
      ['socket', 'r0 = *(u32 *)(r1 + 66)', 'struct __sk_buff has no load of 4 bytes at 66 '],
    ] as const)('%s: %s is a fault', (type, body, message) => {
      const fault = caught(() => run(type, body))
      expect(fault.message).toContain(message)
      expect(fault.message).toContain('for this program at instruction 0: ')
      expect(fault.instruction).toBe(0)
    })
  })

  function caught(work: () => unknown): FaultError {
    try {
      work()
    } catch (error) {
      if (error instanceof FaultError) return error
      throw error
    }
    throw new InternalError('nothing was thrown')
  }
})
