/**
 * Who may import whom. Folders stand in layers; a file imports from its own folder, from folders in layers to the
 * left, and from packages. Folders of one layer do not import each other.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'

const ROOT: string = resolve(import.meta.dirname, '..')

const LAYERS: readonly (readonly string[])[] = [
  ['errors'],
  ['isa', 'btf', 'memory'],
  ['program', 'cpu'],
  ['asm', 'object', 'memalloc'],
  ['arena'],
  ['maps'],
  ['verifier', 'vm'],
  ['jit'],
  ['linux', 'index.ts', 'node.ts'],
  ['check'],
  ['cli', 'bench', 'playground', 'examples'],
]

/** What sits outside the layers: tools and tests of the project itself. */
const OUTSIDE = ['scripts', 'vitest.config.ts']

/** The public entry points: all that users of the library, the examples among them, may touch. */
const ENTRY_POINTS = ['index.ts', 'node.ts', 'linux']
const USERS = ['cli', 'bench', 'playground', 'examples']

const layerOf = (place: string): number => LAYERS.findIndex((layer) => layer.includes(place))

/** The folder a file is in, or its own name at the top; a test there stands beside what it tests. */
const placeOf = (file: string): string =>
  relative(ROOT, file)
    .split('/')[0]
    ?.replace(/\.test\.ts$/, '.ts') ?? ''

function sources(): string[] {
  return readdirSync(ROOT, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !/^(node_modules|dist|coverage)\//.test(file))
    .map((file) => join(ROOT, file))
}

function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8')
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+)'/g)].map((match) =>
    resolve(dirname(file), match[1] ?? ''),
  )
}

function complaint(file: string, target: string): string | undefined {
  const from = placeOf(file)
  const to = placeOf(target)
  if (from === to || OUTSIDE.includes(from)) return undefined
  const what = `${relative(ROOT, file)} imports ${relative(ROOT, target)}`
  // A test may use any layer's code to check its own.
  if (file.endsWith('.test.ts') && layerOf(to) >= 0) return undefined
  if (layerOf(from) < 0) return `${what}: ${from} is in no layer`
  if (layerOf(to) < 0) return `${what}: ${to} is in no layer`
  if (layerOf(to) >= layerOf(from)) return `${what}: ${to} does not stand to the left of ${from}`
  const user = USERS.includes(from) && !ENTRY_POINTS.includes(to) && to !== 'errors'
  return user && from !== 'bench' && to !== 'check'
    ? `${what}: ${from} may use the public entry points only`
    : undefined
}

describe('layers', () => {
  test('every import goes to the left', () => {
    const complaints = sources().flatMap((file) => importsOf(file).flatMap((target) => complaint(file, target) ?? []))
    expect(complaints).toEqual([])
  })

  test('a wrong import is found', () => {
    expect(complaint(join(ROOT, 'isa/x.ts'), join(ROOT, 'vm/y.ts'))).toMatch(/does not stand to the left/)
    expect(complaint(join(ROOT, 'verifier/x.ts'), join(ROOT, 'vm/y.ts'))).toMatch(/does not stand to the left/)
    expect(complaint(join(ROOT, 'examples/x.ts'), join(ROOT, 'vm/y.ts'))).toMatch(/public entry points/)
    expect(complaint(join(ROOT, 'nowhere/x.ts'), join(ROOT, 'vm/y.ts'))).toMatch(/in no layer/)
  })

  test('only the verifier seals verified programs', () => {
    const users = sources()
      .filter((file) => !file.endsWith('.test.ts') && readFileSync(file, 'utf8').includes('sealVerified'))
      .map(placeOf)
    expect([...new Set(users)].filter((place) => place !== 'verifier' && place !== 'program')).toEqual([])
  })
})
