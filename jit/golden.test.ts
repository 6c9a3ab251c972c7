/**
 * Compiled programs as text, against files beside their sources: what a change of the compiler does to them shows as a
 * difference there. HARENA_ACCEPT=1 writes the files.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { assemble, Machine, type Translation } from '../index.ts'
import { readModule, readText, sections } from './testing.ts'

const FOLDER: string = join(import.meta.dirname, 'golden')
const NAMES: readonly string[] = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.bpf.s'))
  .map((name) => name.replace(/\.bpf\.s$/u, ''))
  .sort()

/** Those that no verifier would let through. */
const UNCHECKED = ['unchecked']

function translate(name: string): Translation {
  const file = `${name}.bpf.s`
  const machine = new Machine({ engine: 'jit', seed: 1 })
  try {
    const object = machine.load(assemble(readFileSync(join(FOLDER, file), 'utf8'), { file }), {
      unchecked: UNCHECKED.includes(name),
    })
    return [...object.programs.values()][0]!.translation()!
  } finally {
    machine.close()
  }
}

describe('golden texts', () => {
  test('there are a dozen, and no text is left of what is gone', () => {
    expect(NAMES.length).toBeGreaterThanOrEqual(12)
    const texts = readdirSync(FOLDER).filter((name) => name.endsWith('.wat'))
    expect(texts.filter((name) => !NAMES.includes(name.replace(/\.wat$/u, '')))).toEqual([])
  })

  test.each(NAMES)('%s', (name) => {
    const file = join(FOLDER, `${name}.wat`)
    const { text } = translate(name)
    if (process.env.HARENA_ACCEPT !== undefined) writeFileSync(file, text)
    expect(existsSync(file), 'HARENA_ACCEPT=1 writes it').toBe(true)
    expect(text).toBe(readFileSync(file, 'utf8'))
    // The same on every machine with the same seed.
    expect(translate(name).text).toBe(text)
  })

  test.each(NAMES)('%s is a valid module', async (name) => {
    await readModule(translate(name).bytes)
  })

  test.each(NAMES)('%s: the text makes the same module', async (name) => {
    const { text, bytes } = translate(name)
    // wabt's text parser loses which memory an atomic goes to, so that those are compared without.
    const plain = text.replace(/(\.atomic\.\S+) \$\w+/gu, '$1')
    const made = sections(await readText(plain))
    const atomic = plain !== text
    for (const [id, content] of sections(bytes)) {
      const CODE = 10
      if (atomic && id === CODE) expect(made.get(id)?.length).toBeLessThanOrEqual(content.length)
      else expect(made.get(id), `section ${id}`).toEqual(content)
    }
  })
})
