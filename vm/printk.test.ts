/** bpf_trace_printk's formats. The expected texts follow Linux's documentation of printk formats. */
import { afterAll, describe, expect, test } from 'vitest'
import { ERRNO } from '../errors/errors.ts'
import { jit } from '../jit/engine.ts'
import { KERNEL_BASE } from '../memory/memory.ts'
import { Fixture } from './fixture.ts'
import { interpreter } from './interpreter-engine.ts'
import { formatTrace } from './printk.ts'

describe.each([interpreter, jit])('on the $name', (engine) => {
  const fixture = new Fixture(undefined, engine)
  afterAll(() => fixture.close())
  const STRING = fixture.page + 2048

  function format(text: string, values: readonly bigint[] = [], size = text.length + 1): string | number {
    const { u8 } = fixture.kernel.memory
    u8.fill(0xff, fixture.page, STRING)
    u8.set([...Buffer.from(text, 'latin1'), 0], fixture.page)
    u8.set([...Buffer.from('words'), 0, 192, 168, 0, 7], STRING)
    const halves = new Int32Array(6)
    values.forEach((value, index) => {
      halves[2 * index] = Number(BigInt.asIntN(32, value))
      halves[2 * index + 1] = Number(BigInt.asIntN(32, value >> 32n))
    })
    return formatTrace(fixture.kernel, fixture.page, size, halves)
  }

  const MINUS = 0xffff_ffff_ffff_ffffn
  const AT = KERNEL_BASE + BigInt(STRING)

  describe('prints', () => {
    test.each([
      ['plain', [], 'plain'],
      ['100%%', [], '100%'],
      ['%d %i', [5n, 0xffff_ffffn], '5 -1'],
      ['%d', [0x1_8000_0000n], '-2147483648'],
      ['%u', [MINUS], '4294967295'],
      ['%lu %llu', [MINUS, 2n ** 63n], '18446744073709551615 9223372036854775808'],
      ['%ld %lld', [MINUS, 2n ** 63n], '-1 -9223372036854775808'],
      ['%x %X %#x', [0xbeefn, 0xbeefn, 0xbeefn], 'beef BEEF 0xbeef'],
      ['%lx %llx', [0x1234_5678_9abc_def0n, MINUS], '123456789abcdef0 ffffffffffffffff'],
      ['[%5d][%-5d][%05d]', [42n, 42n, -42n], '[   42][42   ][-0042]'],
      ['[%+d][% d][%08x]', [1n, 2n, 0xabn], '[+1][ 2][000000ab]'],
      ['%c%c', [0x68n, 0x69n], 'hi'],
      ['%s!', [AT], 'words!'],
      ['[%8s]', [AT], '[   words]'],
      ['%pks %pus', [AT, AT], 'words words'],
      ['%s', [0n], ''],
      ['%pI4 %pi4', [AT + 6n, AT + 6n], '192.168.0.7 192.168.000.007'],
      ['%px', [0xffff_8880_0000_1000n], 'ffff888000001000'],
      ['%pS', [0x10n], '0x10'],
      ['tab\tnewline\n', [], 'tab\tnewline\n'],
      ['caf\u00e9', [], 'caf\u00e9'],
    ])('%j', (text, values, expected) => expect(format(text, values)).toBe(expected))

    test('%pI6 and %pi6', () => {
      expect(format('%pI6', [KERNEL_BASE + BigInt(fixture.page + 3000)])).toBe(
        '0000:0000:0000:0000:0000:0000:0000:0000',
      )
      expect(format('%pi6', [0n])).toBe('0'.repeat(32))
    })

    test('%p hides the address, the same way each time', () => {
      const hidden = format('%p', [AT])
      expect(hidden).toMatch(/^[0-9a-f]{16}$/)
      expect(hidden).toBe(format('%pK', [AT]))
      expect(hidden).not.toBe(format('%p', [AT + 8n]))
      expect(BigInt(`0x${hidden}`)).not.toBe(AT)
    })

    test('at most 1023 characters', () => expect(format(`%1000d${'x'.repeat(100)}`, [1n])).toHaveLength(1023))
  })

  describe('refuses', () => {
    test.each(['%', '%y', '%.3d', '%llld', '%d %d %d %d', '\u0001', '%pq', '%sx', '%hd', '%f', '%*d', '%n', '% '])(
      '%j',
      (text) => expect(format(text)).toBe(-ERRNO.EINVAL),
    )

    test('a format without its NUL', () => expect(format('abc', [], 3)).toBe(-ERRNO.EINVAL))
  })
})
