/** Every module is valid in the eyes of wabt: those of the examples, and of programs from the generators. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { candidates } from '../check/differential/programs.ts'
import { HarenaError } from '../errors/errors.ts'
import { assemble, Machine, type ObjectSpec } from '../index.ts'
import { assembleFile } from '../node.ts'
import { readModule } from './testing.ts'
import { WasmModule } from './wasm/module.ts'
import { I32, Wasm } from './wasm/opcodes.ts'

const EXAMPLES: string = join(import.meta.dirname, '../examples')
const SEED = 12
const PROGRAMS: number = process.env.HARENA_LONG === undefined ? 150 : 3000
/** Instructions to verify, after which a program is left out. */
const MOST_VERIFIED = 20_000

/** The modules of an object's programs, validated twice: by wabt, and by the host that is to run them. */
async function validateAll(spec: ObjectSpec, unchecked: boolean): Promise<number> {
  const machine = new Machine({ engine: 'jit', seed: 1 })
  try {
    const progress = (processed: number): void => {
      if (processed > MOST_VERIFIED) throw new HarenaError('too long to verify')
    }
    const modules = [...machine.load(spec, { unchecked, progress }).programs.values()].map((program) =>
      program.translation(),
    )
    for (const made of modules) {
      await readModule(made!.bytes)
      expect(WebAssembly.validate(made!.bytes)).toBe(true)
    }
    return modules.length
  } finally {
    machine.close()
  }
}

describe('modules', () => {
  const files = readdirSync(EXAMPLES, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.bpf.s') && !file.startsWith('rejected'))
    .sort()

  test.each(files)('%s', async (file) => {
    const spec = await assembleFile(join(EXAMPLES, file))
    let count = 0
    for (const { name } of spec.programs) {
      const alone = { ...spec, programs: spec.programs.filter((program) => program.name === name) }
      count += await validateAll(alone, false).catch((error: unknown) => {
        // Some examples show what a verifier keeps out.
        if (error instanceof HarenaError) return validateAll(alone, true)
        throw error
      })
    }
    expect(count).toBe(spec.programs.length)
  })

  test(`generated programs (seed ${SEED})`, async () => {
    let accepted = 0
    let unchecked = 0
    for (const { number, text } of candidates(SEED)) {
      if (number >= PROGRAMS) break
      const spec = assemble(text)
      accepted += await validateAll(spec, false).catch(refused)
      unchecked += await validateAll(spec, true).catch(refused)
    }
    expect(accepted).toBeGreaterThan(PROGRAMS / 3)
    expect(unchecked).toBeGreaterThan(PROGRAMS / 2)
  })

  test('a wrong module is found', async () => {
    const module = new WasmModule()
    module.define('f', { params: [], results: [I32] }, (w) => w.op(Wasm.NOP))
    await expect(readModule(module.encode())).rejects.toThrow(/type mismatch/u)
  })
})

/** Of a program that the verifier or the loader refuses there is no module. */
function refused(error: unknown): 0 {
  if (error instanceof HarenaError) return 0
  throw error
}
