import { describe, expect, test } from 'vitest'
import { type FailureKind, fail, failure, failureLog, failureMessage, Rejection, renderFailure } from './errors.ts'
import { MESSAGES } from './errors-messages.ts'

describe('the kernel’s sentences', () => {
  test.each([
    [failure('not-readable', { reg: 1 }), 'R1 !read_ok', 'EACCES'],
    [failure('unknown-opcode', { opcode: 0xd }), 'unknown opcode 0d', 'EINVAL'],
    [failure('unknown-opcode', { opcode: 0x8d }), 'unknown opcode 8d', 'EINVAL'],
    [failure('jump-out-of-range', { from: 0, to: 2 }), 'jump out of range from insn 0 to 2', 'EINVAL'],
    [
      failure('size-unbounded', { reg: 4 }),
      "R4 unbounded memory access, use 'var &= const' or 'if (var < const)'",
      'EACCES',
    ],
    [failure('bad-map-fd', { fd: 77 }, { errno: 'EBADF' }), 'fd 77 is not pointing to valid bpf_map', 'EBADF'],
    [failure('arithmetic-bitwise', { reg: 0, op: '&=' }), 'R0 bitwise operator &= on pointer prohibited', 'EACCES'],
    [
      failure('math-value', { value: -2147483646n, type: 'ctx' }),
      'value -2147483646 makes ctx pointer be out of bounds',
      'EINVAL',
    ],
  ])('%#: %s', (failed, text, errno) => {
    expect(renderFailure(failed)).toBe(text)
    expect(failed.errno).toBe(errno)
  })

  test('a cause is printed first; the message is the last line', () => {
    const cause = failure('argument-type', { reg: 1, type: 'arena', expected: 'fp' })
    const failed = failure('caller-arguments', { number: 1, name: 'f' }, { cause, errno: 'EACCES' })
    expect(failureLog(failed)).toBe("R1 type=arena expected=fp\nCaller passes invalid args into func#1 ('f')\n")
    expect(failureMessage(failed)).toBe("Caller passes invalid args into func#1 ('f')")
  })

  test('one sentence has no line break', () => {
    expect(failureLog(failure('tail-call-map', {}))).toBe('expected prog array map for tail call')
  })

  test('every placeholder of every sentence is filled', () => {
    for (const [kind, row] of Object.entries(MESSAGES)) {
      const names = [...row[1].matchAll(/<([a-zA-Z0-9]+)(?::x)?>/gu)].map((match) => match[1]!)
      const fields = Object.fromEntries(names.map((name) => [name, 7]))
      const text = renderFailure({ kind: kind as FailureKind, errno: row[0], fields, cause: undefined })
      expect(text, kind).not.toMatch(/<[a-zA-Z0-9]+(:x)?>/u)
    }
  })

  test('fail throws what it was given', () => {
    expect(() => fail('fill-size', {})).toThrow(Rejection)
    expect(() => fail('fill-size', {})).toThrow('invalid size of register fill')
  })
})
