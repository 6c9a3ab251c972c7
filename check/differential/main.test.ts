import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { whyUnavailable } from '../../linux/index.ts'
import { CLASSES } from './programs.ts'

function run(...args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], { encoding: 'utf8' })
}

test('--json: the last line is what machines read', (ctx) => {
  const why = whyUnavailable('packets')
  if (why !== undefined) ctx.skip(`the kernel cannot be asked: ${why}`)
  const directory = mkdtempSync(join(tmpdir(), 'report-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const report = join(directory, 'report.json')
  const { status, stdout, stderr } = run('--runs', '40', '--seed', '3', '--json', '--no-save', '--report', report)
  expect(stderr).toMatch(/^seed 3: 40 programs, \d+ refused by the kernel/mu)
  const found = JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
  const keys = ['seed', 'runs', 'verdictAgreement', 'messageAgreement', 'resultDifferences', 'byClass']
  expect(Object.keys(found)).toEqual(keys)
  expect(found).toMatchObject({ seed: 3, runs: 40, resultDifferences: 0 })
  expect(Object.keys(found.byClass)).toEqual(CLASSES)
  expect(found.byClass.alu).toEqual({
    runs: expect.any(Number),
    agree: expect.any(Number),
    rejected: expect.any(Number),
  })
  expect(JSON.parse(readFileSync(report, 'utf8'))).toMatchObject({ escapes: 0, disagreements: expect.any(Array) })
  expect(status).toBe(0)
})

test.each([
  { args: ['--runs', 'many'], message: '--runs is a whole number, not many' },
  { args: ['--class', 'tame'], message: '--class is one of alu, jump,' },
  { args: ['--what'], message: "Unknown option '--what'" },
])('bad usage: $args', ({ args, message }) => {
  const { status, stderr } = run(...args)
  expect(stderr).toContain(message)
  expect(stderr).not.toContain('    at ')
  expect(status).toBe(2)
})
