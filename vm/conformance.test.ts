/** Every vector of the bpf_conformance suite, on the interpreter. */
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { runConformance } from './conformance.ts'
import { InvalidProgramError } from './invalid-program.ts'

interface Vector {
  readonly name: string
  readonly memory?: string
  readonly program: string
  readonly result?: string
  readonly rejected?: boolean
}

const FILE: string = resolve(import.meta.dirname, '../../shared/conformance/isa-vectors.json')
const vectors: readonly Vector[] = existsSync(FILE) ? JSON.parse(readFileSync(FILE, 'utf8')) : []
const bytes = (hex = ''): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))

describe('conformance vectors', () => {
  test('are there', (ctx) => {
    if (vectors.length === 0) ctx.skip(`no ${FILE}: the vectors lie outside the package`)
    expect(vectors.length).toBe(240)
  })

  test.for(vectors.filter((vector) => !vector.rejected))('$name', ({ program, memory, result }) => {
    expect(runConformance(bytes(program), bytes(memory))).toBe(BigInt(result!))
  })

  test.for(vectors.filter((vector) => vector.rejected))('$name is refused', ({ program }) => {
    expect(() => runConformance(bytes(program), new Uint8Array())).toThrow(InvalidProgramError)
  })
})
