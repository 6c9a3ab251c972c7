/** Every vector of the bpf_conformance suite, on each engine of harena's own. */
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { FaultError } from '../errors/errors.ts'
import { jit } from '../jit/engine.ts'
import { runConformance } from './conformance.ts'
import { interpreter } from './interpreter-engine.ts'
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

  describe.for([interpreter, jit])('on the $name', (engine) => {
    test.for(vectors.filter((vector) => !vector.rejected))('$name', ({ program, memory, result }) => {
      expect(runConformance(bytes(program), bytes(memory), { engine })).toBe(BigInt(result!))
    })
  })

  test.for(vectors.filter((vector) => vector.rejected))('$name is refused', ({ program }) => {
    expect(() => runConformance(bytes(program), new Uint8Array())).toThrow(InvalidProgramError)
  })
})

describe('raw programs', () => {
  const exit = '9500000000000000'

  test('bytes that are no instructions', () => {
    expect(() => runConformance(bytes('95000000'), new Uint8Array())).toThrow(RangeError)
    expect(() => runConformance(new Uint8Array(), new Uint8Array())).toThrow('the program has no instructions')
  })

  test('find no helpers', () => {
    const call = `8500000001000000${exit}`
    expect(() => runConformance(bytes(call), new Uint8Array())).toThrow(
      'instruction 0: there are no helpers to call here',
    )
  })

  test('cannot leave their memory', () => {
    // r0 = *(u8 *)(r1 + 2) reads the third byte; a load far behind faults.
    const load = (off: string): string => `7110${off}00000000${exit}`
    expect(runConformance(bytes(load('0200')), bytes('112233'))).toBe(0x33n)
    expect(() => runConformance(bytes(load('0070')), bytes('112233'))).toThrow(FaultError)
  })

  test('run out of time', () => {
    let now = 0
    const watch = { now: () => now++, deadline: 0 }
    expect(() => runConformance(bytes('0500ffff00000000'), new Uint8Array(), { watch })).toThrow(
      'timed out at instruction 0',
    )
  })
})
