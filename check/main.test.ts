import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

function run(...args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], { encoding: 'utf8' })
}

test('checks as many programs as told and says how it went', () => {
  const { status, stdout } = run('--runs', '3', '--inputs', '2', '--seed', '9', '--kind', 'valid')
  expect(stdout).toMatch(
    /^seed 9: 3 programs checked on the interpreter over \d+ instructions, 0 refused, .*: 0 escapes\n$/u,
  )
  expect(status).toBe(0)
})

test.each([
  { args: ['--runs', 'many'], message: '--runs is a whole number, not many' },
  { args: ['--kind', 'tame'], message: '--kind is valid, mutant or wild, not tame' },
  { args: ['--what'], message: "Unknown option '--what'" },
])('bad usage: $args', ({ args, message }) => {
  const { status, stderr } = run(...args)
  expect(stderr).toContain(message)
  expect(stderr).not.toContain('    at ')
  expect(status).toBe(2)
})
