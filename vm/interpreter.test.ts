/** What programs do besides computing: calls, loops, faults, time-outs, hooks, packets. */
import { afterAll, describe, expect, test } from 'vitest'
import { FaultError, InternalError } from '../errors/errors.ts'
import { type Instruction, secondHalf } from '../isa/instruction.ts'
import { jit } from '../jit/engine.ts'
import { KERNEL_BASE } from '../memory/memory.ts'
import { Access, SlotFlag, sealVerified } from '../program/loadable.ts'
import { Fixture, facts, op, wide } from './fixture.ts'
import { interpreter } from './interpreter-engine.ts'
import { FRAME_BYTES, frameRegister, frameTop, MAX_FRAMES, MAY_GOTO_LIMIT, type Native, STACK_BYTES } from './state.ts'

describe.each([interpreter, jit])('on the $name', (engine) => {
  const fixture = new Fixture(undefined, engine)
  afterAll(() => fixture.close())

  const exit = op('exit')
  const set = (dst: number, imm: number): Instruction => op('mov64_imm', { dst, imm })
  const copy = (dst: number, src: number): Instruction => op('mov64_reg', { dst, src })
  const stackBase = (): bigint => KERNEL_BASE + BigInt(fixture.stack + STACK_BYTES)

  function fault(run: () => unknown): FaultError {
    try {
      run()
    } catch (error) {
      if (error instanceof FaultError) return error
      throw error
    }
    throw new Error('no fault')
  }

  describe('calls', () => {
    test('r6 to r9 are the caller’s again, r0 and r1 to r5 are not kept', () => {
      const insns = [
        ...[6, 7, 8, 9].map((n) => set(n, 10 + n)),
        set(1, 5),
        op('call_local', { imm: 5 }),
        ...[6, 7, 8, 9].map((n) => op('add64_reg', { dst: 0, src: n })),
        op('goto', { off: 7 }),
        copy(0, 1),
        ...[1, 6, 7, 8, 9].map((n) => set(n, 1000)),
        exit,
        exit,
      ]
      const { r0, registers } = fixture.run(insns, { registers: true })
      expect(r0).toBe(5n + 16n + 17n + 18n + 19n)
      expect(registers.slice(6)).toEqual([16n, 17n, 18n, 19n])
      expect(registers[1]).toBe(1000n)
    })

    test('each frame has 512 bytes of its own below the caller’s', () => {
      const insns = [op('stx_u64', { dst: 10, src: 10, off: -8 }), op('call_local', { imm: 3 })]
      insns.push(op('ldx_u64', { dst: 1, src: 10, off: -8 }), op('sub64_reg', { dst: 1, src: 0 }))
      insns.push(op('goto', { off: 3 }), copy(0, 10), op('st_u64', { dst: 10, off: -8, imm: 1 }), exit, exit)
      const { registers } = fixture.run(insns, { registers: true })
      expect(registers[0]).toBe(stackBase() - BigInt(FRAME_BYTES))
      expect(registers[1]).toBe(BigInt(FRAME_BYTES))
    })

    test(`at most ${MAX_FRAMES} frames`, () => {
      // f(n): n == 0 ? 0 : f(n - 1)
      const insns = [copy(0, 1), op('jeq64_imm', { dst: 1, imm: 0, off: 2 }), op('add64_imm', { dst: 1, imm: -1 })]
      insns.push(op('call_local', { imm: -4 }), exit)
      expect(fixture.run(insns, { args: [BigInt(MAX_FRAMES - 1)] }).r0).toBe(0n)
      const error = fault(() => fixture.run(insns, { args: [BigInt(MAX_FRAMES)] }))
      expect(error.message).toBe('call depth exceeds 8 frames at instruction 3: call pc-4')
      expect(error.instruction).toBe(3)
    })

    test('through a register: a function of the program', () => {
      const insns = [op('ld_func', { dst: 2, imm: 3 }), secondHalf(0), op('callx', { dst: 2 }), exit, set(0, 44), exit]
      expect(fixture.run(insns).r0).toBe(44n)
    })

    test('through a register: a helper by its number', () => {
      const helper: Native = (R) => {
        R[0] = R[2]! + 70
        R[1] = 0
      }
      const insns = [set(1, 7), set(2, 9), op('callx', { dst: 2 }), exit]
      expect(fixture.run(insns, { helpers: { 9: helper } }).r0).toBe(77n)
    })

    test('a native finds its arguments and the call that it came from', () => {
      const seen: number[] = []
      const helper: Native = (R, state) => {
        seen.push(state.slot, state.depth, ...R.subarray(2, 12))
        R[0] = 1
        R[1] = -1
      }
      const insns = [
        ...wide(1, 0x1_0000_0002n),
        set(2, 2),
        set(3, -3),
        set(4, 4),
        set(5, 5),
        op('call_helper', { imm: 9 }),
        exit,
      ]
      expect(fixture.run(insns, { helpers: { 9: helper } }).r0).toBe(0xffff_ffff_0000_0001n)
      expect(seen).toEqual([6, 0, 2, 1, 2, 0, -3, -1, 4, 0, 5, 0])
    })
  })

  describe('loops', () => {
    test('may_goto falls through 8,388,608 times in each frame', () => {
      const body = [op('may_goto', { off: 2 }), op('add64_imm', { dst: 0, imm: 1 }), op('goto', { off: -3 })]
      const insns = [set(0, 0), ...body, op('call_local', { imm: 1 }), exit, ...body, exit]
      expect(fixture.run(insns).r0).toBe(2n * BigInt(MAY_GOTO_LIMIT))
    })

    test.each([
      ['a loop', [op('goto', { off: -1 })], 0],
      ['a loop by gotol', [set(0, 0), op('gotol', { imm: -2 })], 1],
      ['a conditional loop', [set(0, 0), op('jeq64_imm', { dst: 0, imm: 0, off: -1 }), exit], 1],
      ['a loop of calls', [op('call_local', { imm: 1 }), op('goto', { off: -2 }), exit], 0],
    ])('%s without an end runs out of time', (_, insns, slot) => {
      let ticks = 0
      const watch = { now: () => ticks++, deadline: 1 }
      const error = fault(() => fixture.run(insns, { watch }))
      expect(error.kind).toBe('timeout')
      // Compiled code does not say where it is.
      expect(error.message).toMatch(engine.hooks ? /^timed out at instruction \d+$/ : /^timed out$/)
      if (engine.hooks) expect([slot, slot + 1]).toContain(error.instruction)
      expect(ticks).toBe(2)
    })
  })

  describe('faults of unchecked programs', () => {
    const load = [op('ldx_u64', { dst: 0, src: 1, off: 0 }), exit]

    test.each([
      ['NULL', 0n],
      ['a small number', 0x1000n],
      ['kernel memory that nothing has', KERNEL_BASE + 0x8000_0000n],
      ['the first page', KERNEL_BASE],
      ['the last bytes', KERNEL_BASE + 0xffff_fffcn],
      ['user space', 0x7fff_0000_0000n],
      ['below kernel memory', KERNEL_BASE - 8n],
      ['behind it', KERNEL_BASE + 0x1_0000_0000n],
      ['the end of the numbers', 0xffff_ffff_ffff_fffcn],
    ])('%s', (_, address) => {
      const error = fault(() => fixture.run(load, { args: [address] }))
      expect({ kind: error.kind, at: error.instruction, address: error.address, text: error.text }).toEqual({
        kind: 'access',
        at: 0,
        address,
        text: 'r0 = *(u64 *)(r1 + 0)',
      })
    })

    test('the offset counts, and carries into the upper half', () => {
      const insns = [op('ldx_u8', { dst: 0, src: 1, off: 16 }), exit]
      expect(fault(() => fixture.run(insns, { args: [0xffff_fff0n] })).address).toBe(0x1_0000_0000n)
      const below = [op('ldx_u8', { dst: 0, src: 1, off: -16 }), exit]
      expect(fault(() => fixture.run(below, { args: [0x1_0000_0000n] })).address).toBe(0xffff_fff0n)
      expect(fault(() => fixture.run(below, { args: [0n] })).address).toBe(0xffff_ffff_ffff_fff0n)
    })

    test('an access that only begins in allocated memory', () => {
      const end = KERNEL_BASE + BigInt(fixture.page + 4096)
      expect(fixture.run(load, { args: [end - 8n] }).r0).toBe(0n)
      expect(fault(() => fixture.run(load, { args: [end - 7n] })).address).toBe(end - 7n)
    })

    test.each([
      ['st_u32', { dst: 1, imm: 5 }],
      ['stx_u8', { dst: 1, src: 2 }],
      ['atomic_add_u64', { dst: 1, src: 2 }],
      ['load_acquire_u16', { dst: 2, src: 1 }],
    ] as const)('%s', (name, fields) => {
      const insns = [set(0, 0), op(name, fields), exit]
      const error = fault(() => fixture.run(insns, { args: [0x10n] }))
      expect(error.instruction).toBe(1)
      expect(error.message).toMatch(/^bad access of \d bytes at 0x10 at instruction 1: /)
    })

    test('a stack that overflows leaves its memory', () => {
      const insns = [op('stx_u64', { dst: 10, src: 1, off: -STACK_BYTES - 8 }), exit]
      const error = fault(() => fixture.run(insns))
      expect(error.address).toBe(stackBase() - BigInt(STACK_BYTES) - 8n)
    })

    test('a call into the middle of a function', () => {
      const insns = [
        ...[op('ld_func', { dst: 2, imm: 5 }), secondHalf(0), op('add64_imm', { dst: 2, imm: 8 })],
        ...[op('callx', { dst: 2 }), exit, exit, set(0, 44), exit],
      ]
      expect(fault(() => fixture.run(insns)).message).toBe('call of no function at instruction 3: callx r2')
    })

    test('a call through a register that holds no function', () => {
      for (const value of [0n, 5n, 2n ** 40n]) {
        const error = fault(() => fixture.run([op('callx', { dst: 1 }), exit], { args: [value] }))
        expect(error.message).toBe('call of no function at instruction 0: callx r1')
      }
    })
  })

  describe('packet loads', () => {
    const bytes = [0x11, 0x22, 0x33, 0x44, 0x55, 0x66]
    const packet = { offset: fixture.page, length: bytes.length, header: 0 }
    const run = (insns: readonly Instruction[], r6 = 0n): bigint => {
      fixture.kernel.memory.u8.set(bytes, fixture.page)
      return fixture.run([...wide(2, r6), set(0, 7), ...insns, exit], { packet }).r0
    }

    test.each([
      ['ld_abs_u8', 1, 0x22n],
      ['ld_abs_u16', 1, 0x2233n],
      ['ld_abs_u32', 2, 0x3344_5566n],
    ])('%s at %i', (name, imm, expected) => expect(run([op(name, { imm })])).toBe(expected))

    test.each([
      ['ld_ind_u8', 1, 2n, 0x44n],
      ['ld_ind_u16', -1, 1n, 0x1122n],
      ['ld_ind_u32', 0, 2n, 0x3344_5566n],
    ])('%s at %i + r2', (name, imm, r2, expected) => expect(run([op(name, { src: 2, imm })], r2)).toBe(expected))

    test('outside the packet the function ends with 0', () => {
      const then = set(0, 9)
      expect(run([op('ld_abs_u16', { imm: 5 }), then])).toBe(0n)
      expect(run([op('ld_ind_u8', { src: 2, imm: -1 }), then], 0n)).toBe(0n)
      expect(fixture.run([set(0, 7), op('ld_abs_u8', { imm: 0 }), exit]).r0).toBe(0n)
      // The caller goes on, with its own registers.
      const caller = [set(6, 4), op('call_local', { imm: 2 }), op('add64_reg', { dst: 0, src: 6 }), exit]
      expect(run([...caller, set(6, 5), op('ld_abs_u8', { imm: 99 }), exit])).toBe(4n)
    })

    test('a link-layer header lies in front of the packet', () => {
      const behind = { offset: fixture.page + 2, length: bytes.length - 2, header: 2 }
      const load = (imm: number): bigint =>
        fixture.run([set(0, 7), op('ld_abs_u8', { imm }), exit], { packet: behind }).r0
      expect([load(0), load(-0x10_0000), load(-0x20_0000)]).toEqual(
        [bytes[2], bytes[2], bytes[0]].map((b) => BigInt(b!)),
      )
      expect([load(-1), load(-0x20_0001)]).toEqual([0n, 0n])
    })
  })

  const ifHooked = engine.hooks ? describe : undefined
  ifHooked?.('hooks', () => {
    const insns = [set(0, 1), op('call_local', { imm: 2 }), op('add64_imm', { dst: 0, imm: 1 }), exit, set(6, 3), exit]

    test('come before every instruction and at the exit, and change nothing', () => {
      const seen: (readonly [number, number, number])[] = []
      const outcome = fixture.run(insns, { hook: (slot, { regs, depth }) => seen.push([slot, regs[0]!, depth]) })
      expect(seen).toEqual([
        [0, 0, 0],
        [1, 1, 0],
        [4, 1, 1],
        [5, 1, 1],
        [2, 1, 0],
        [3, 2, 0],
        [-1, 2, 0],
      ])
      expect(outcome.r0).toBe(fixture.run(insns).r0)
    })

    test('see registers and stacks of callers', () => {
      const deep = [
        set(6, 66),
        op('st_u64', { dst: 10, off: -8, imm: 5 }),
        op('call_local', { imm: 1 }),
        exit,
        set(6, 77),
        exit,
      ]
      const seen: unknown[] = []
      fixture.run(deep, {
        hook: (slot, state) => {
          if (slot !== 5) return
          const at = frameTop(state, 0) - 8
          seen.push(frameRegister(state, 0, 6), frameRegister(state, 1, 6), fixture.kernel.memory.i32[at >>> 2])
          seen.push(frameRegister(state, 0, 10)[0] - frameRegister(state, 1, 10)[0])
        },
      })
      expect(seen).toEqual([[66, 0], [77, 0], 5, FRAME_BYTES])
    })

    test('a hook may stop the run', () => {
      const stop = (): never => {
        throw new Error('enough')
      }
      expect(() => fixture.run(insns, { hook: stop })).toThrow('enough')
    })
  })

  describe('what cannot be', () => {
    test('a verified program runs no instruction that the verifier has not seen', () => {
      const program = [set(0, 1), exit]
      const verified = sealVerified(facts(program, Access.KERNEL))
      verified.flags[0] = 0
      expect(() => fixture.run(program, { verified })).toThrow(InternalError)
      verified.flags[0] = SlotFlag.SEEN
      expect(fixture.run(program, { verified }).r0).toBe(1n)
    })

    test('an access that the verifier let into no field of the context', () => {
      for (const name of ['ldx_u8', 'stx_u32']) {
        const insns = [op(name, { dst: 1, src: 1, off: 0 }), exit]
        const verified = sealVerified(facts(insns, Access.CONTEXT))
        expect(() => fixture.run(insns, { verified, type: 'xdp' })).toThrow(/let \w+ (?:at slot 0 )?into no field/)
      }
    })

    test('an access that the verifier has not tagged', () => {
      const program = [op('ldx_u8', { dst: 0, src: 10, off: -1 }), exit]
      expect(() => fixture.run(program, { verified: sealVerified(facts(program)) })).toThrow(InternalError)
    })
  })
})
