/** Every example runs and prints what its golden file says; every program of rejected/ is refused as it says. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, type TestContext, test } from 'vitest'
import { Machine, type ObjectSpec, VerifierError } from '../index.ts'
import { LinuxMachine, whyUnavailable } from '../linux/index.ts'
import { assembleFile } from '../node.ts'
import type { Engine, Print } from './example.ts'

const HERE: string = import.meta.dirname
const NAMES: readonly string[] = readdirSync(HERE, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && existsSync(join(HERE, entry.name, 'main.ts')))
  .map((entry) => entry.name)
  .sort()

describe('examples', () => {
  test('there are as many as the table of README.md lists', () => {
    const listed = [...readFileSync(join(HERE, 'README.md'), 'utf8').matchAll(/^\| `([\w-]+)` +\|/gmu)].map((m) => m[1])
    expect(listed.sort()).toEqual(NAMES)
  })

  const OWN = ['interpreter', 'jit'] as const
  const CASES = OWN.flatMap((engine) => NAMES.map((name) => [name, engine] as const))

  test.each(CASES)('%s prints what its golden file says, on the %s', async (name, engine) => {
    const text = await outputOf(name, engine)
    if (process.env.HARENA_ACCEPT !== undefined && engine === 'interpreter') writeFileSync(goldenOf(name), text)
    expect(text).toBe(readFileSync(goldenOf(name), 'utf8'))
  })

  test.for(NAMES)('%s prints the same on the running kernel', async (name, ctx) => {
    const sources = readdirSync(join(HERE, name)).filter((file) => file.endsWith('.bpf.s'))
    skipWithoutKernel(ctx, ...sources.map((file) => join(HERE, name, file)))
    const { ownOnly } = await moduleOf(name)
    if (ownOnly !== undefined) ctx.skip(ownOnly)
    expect(await outputOf(name, 'linux')).toBe(readFileSync(goldenOf(name), 'utf8'))
  })
})

function goldenOf(name: string): string {
  return join(HERE, name, 'expected.golden')
}

/** `ownOnly`: why the kernel cannot run the example; undefined where it can. */
interface Example {
  run(print: Print, engine: Engine): Promise<void>
  readonly ownOnly?: string
}

function moduleOf(name: string): Promise<Example> {
  return import(join(HERE, name, 'main.ts'))
}

async function outputOf(name: string, engine: Engine): Promise<string> {
  const lines: string[] = []
  const example = await moduleOf(name)
  await example.run((line) => lines.push(line), engine)
  return `${lines.join('\n')}\n`
}

const REJECTED: readonly string[] = readdirSync(join(HERE, 'rejected')).filter((name) => name.endsWith('.bpf.s'))

/** What the second line of a program of rejected/ says: `# expect: ERRNO MESSAGE`. */
function expectation(name: string): { errno: string; message: string } {
  const line = readFileSync(join(HERE, 'rejected', name), 'utf8').split('\n')[1] ?? ''
  const match = /^# expect: (E\w+) (.+)$/u.exec(line)
  if (match === null) throw new Error(`${name}: the second line is no '# expect: ERRNO MESSAGE'`)
  return { errno: match[1] ?? '', message: match[2] ?? '' }
}

describe('programs that must be refused', () => {
  test('there are enough of them', () => expect(REJECTED.length).toBeGreaterThanOrEqual(25))

  test.each(REJECTED)('%s', async (name) => {
    const object = await assembleFile(join(HERE, 'rejected', name))
    expectRefused(name, new Machine({ seed: 1 }), object)
  })

  test.for(REJECTED)('%s, by the running kernel', async (name, ctx) => {
    skipWithoutKernel(ctx, join(HERE, 'rejected', name))
    const object = await assembleFile(join(HERE, 'rejected', name))
    expectRefused(name, new LinuxMachine(), object)
  })
})

function expectRefused(name: string, machine: Machine | LinuxMachine, object: ObjectSpec): void {
  const { errno, message } = expectation(name)
  try {
    machine.load(object)
    expect.unreachable(`${name} was accepted`)
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error
    expect({ errno: error.errno, reason: error.reason }).toEqual({ errno, reason: message })
    expect(error.log).toContain(message)
  } finally {
    machine.close()
  }
}

/** Programs that see packets take one right more. */
function skipWithoutKernel(ctx: TestContext, ...sources: readonly string[]): void {
  const packets = sources.some((source) => readFileSync(source, 'utf8').includes('type=xdp'))
  const why = whyUnavailable(packets ? 'packets' : undefined)
  if (why !== undefined) ctx.skip(`the kernel cannot be asked: ${why}`)
}
