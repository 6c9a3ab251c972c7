import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { effectOf } from '../isa/effects.ts'
import { LD_IMM64_HI, TABLE, UNKNOWN } from '../isa/table.ts'
import { INSTRUCTION_TABLE, instructionTable } from './instruction-table.ts'

test('docs/instructions.md is what scripts/instruction-table.ts writes', () => {
  expect(readFileSync(INSTRUCTION_TABLE, 'utf8')).toBe(instructionTable())
})

test('every row of the instruction table has its line', () => {
  const lines = instructionTable()
    .split('\n')
    .filter((line) => line.startsWith('| `'))
  expect(lines).toHaveLength(TABLE.length)
  expect(new Set(lines.map((line) => line.split('` |')[0])).size).toBe(TABLE.length)
})

test.each([...TABLE, LD_IMM64_HI, UNKNOWN].map((row) => [row.name, effectOf(row)] as const))('%s: %s', (_, effect) => {
  expect(effect).toMatch(/^(?!.*undefined)\S.{5,}$/)
})
