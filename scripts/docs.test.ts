/**
 * The pages are run, so that they cannot rot. From README.md and docs/*.md:
 *
 *     ```asm        assembles; with a `.program` or `.section` it is verified as well, else it is a fragment
 *     ```ts         type-checks and runs, when it imports 'harena'
 *     ```text       behind a `ts` block: what that one prints
 *     ```console    each `$ npx harena …` gives what stands below it; `$ echo $?` its exit code
 *
 * Comments in front of a block say what cannot be seen: `<!-- file: NAME -->` names the file it stands for,
 * `<!-- rejected: MESSAGE -->` and `<!-- error: MESSAGE -->` how verifier or assembler refuse it. In expected output
 * `…` is any text, alone on a line any lines. Kernel addresses are not compared: they belong to no contract.
 */
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import { execute } from '../cli/main.ts'
import { AssemblyError, assemble, Machine, VerifierError } from '../index.ts'

const ROOT = resolve(import.meta.dirname, '..')

/** Entry points of the package and their sources. */
const ENTRIES: Readonly<Record<string, string>> = { index: 'index.ts', node: 'node.ts', linux: 'linux/index.ts' }
/** In pages whose blocks bear no comments: the file that the assembly is. */
const FILE_NAMES: Readonly<Record<string, string>> = { 'README.md': 'list.bpf.s' }
const FRAGMENT_END = '\nr0 = 0\nexit\n'

interface Block {
  readonly language: string
  readonly text: string
  /** Line of its first line in the page. */
  readonly line: number
  /** Comments in front of it, by their words. */
  readonly marks: Readonly<Record<string, string>>
}

interface Page {
  readonly name: string
  readonly text: string
  readonly blocks: readonly Block[]
  /** Holds the files of its blocks, and a link to the examples. */
  readonly folder: string
}

const temporary = mkdtempSync(join(tmpdir(), 'harena-docs-'))
const home = process.cwd()
writeFileSync(join(temporary, 'package.json'), '{ "type": "module" }')
const pages = ['README.md', ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`)]
  .filter((name) => name.endsWith('.md'))
  .map(readPage)

afterEach(() => process.chdir(home))
afterAll(() => rmSync(temporary, { recursive: true }))

function readPage(name: string): Page {
  const text = readFileSync(join(ROOT, name), 'utf8')
  const folder = join(temporary, name.replace(/\W/gu, '-'))
  mkdirSync(folder)
  symlinkSync(join(ROOT, 'examples'), join(folder, 'examples'))
  const blocks = blocksOf(text)
  for (const block of blocks) {
    const file = block.marks.file ?? (block.language === 'asm' ? FILE_NAMES[name] : undefined)
    if (file !== undefined) writeFileSync(join(folder, file), block.text)
  }
  return { name, text, blocks, folder }
}

function blocksOf(text: string): Block[] {
  const blocks: Block[] = []
  let marks: Record<string, string> = {}
  let open: { language: string; line: number; lines: string[] } | undefined
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^```(\w*)$/u.exec(line)
    const mark = /^<!-- (\w+): (.*) -->$/u.exec(line)
    if (open !== undefined && fence === null) {
      open.lines.push(line)
    } else if (open !== undefined) {
      blocks.push({ language: open.language, text: `${open.lines.join('\n')}\n`, line: open.line, marks })
      marks = {}
      open = undefined
    } else if (fence !== null) {
      open = { language: fence[1]!, line: index + 2, lines: [] }
    } else if (mark !== null) {
      marks[mark[1]!] = mark[2]!
    } else if (line !== '') {
      marks = {}
    }
  }
  expect(open, 'a block without an end').toBeUndefined()
  return blocks
}

function inLanguage(language: string): (readonly [string, Page, Block])[] {
  return pages.flatMap((page) =>
    page.blocks
      .filter((block) => block.language === language)
      .map((block) => [`${page.name}:${block.line}`, page, block] as const),
  )
}

describe('assembly', () => {
  test.each(inLanguage('asm'))('%s', (where, page, { text, marks }) => {
    const whole = /^\s*\.(?:program|section)\b/mu.test(text)
    const source = whole ? text : `.program fragment type=syscall\n${text}${FRAGMENT_END}`
    const read = (path: string): string => readFileSync(join(page.folder, path), 'utf8')
    const work = (): void => {
      const object = assemble(source, { file: 'page.bpf.s', read })
      if (!whole) return
      const machine = new Machine()
      try {
        machine.load(object)
      } finally {
        machine.close()
      }
    }
    const thrown = errorOf(work)
    const said =
      thrown instanceof AssemblyError
        ? { error: thrown.diagnostics.map((one) => one.message).join('; ') }
        : thrown instanceof VerifierError
          ? { rejected: thrown.reason }
          : { thrown }
    const { error, rejected } = marks
    const expected = error !== undefined ? { error } : rejected !== undefined ? { rejected } : { thrown: undefined }
    expect(said, where).toEqual(expected)
  })
})

function errorOf(work: () => void): unknown {
  try {
    work()
    return undefined
  } catch (error) {
    return error
  }
}

describe('console', () => {
  test.each(inLanguage('console'))('%s', async (_where, page, { text }) => {
    process.chdir(page.folder)
    let status = 0
    for (const { command, expected } of sessionsOf(text)) {
      if (command === 'echo $?') {
        expect(`${status}\n`).toBe(expected)
        continue
      }
      const argv = wordsOf(command)
      expect(argv.slice(0, 2), command).toEqual(['npx', 'harena'])
      let output = ''
      const write = (part: string | Uint8Array): void => {
        output += typeof part === 'string' ? part : new TextDecoder().decode(part)
      }
      status = await execute(argv.slice(2), { out: write, err: write, input: () => '', terminal: false, now: () => 0 })
      if (!patternOf(expected).test(withoutAddresses(output))) expect(output, `$ ${command}`).toBe(expected)
    }
  })
})

/** The commands of a block, each with what stands below it. */
function sessionsOf(text: string): { command: string; expected: string }[] {
  const sessions: { command: string; expected: string }[] = []
  for (const line of text.split('\n').slice(0, -1)) {
    if (line.startsWith('$ ')) sessions.push({ command: line.slice(2), expected: '' })
    else sessions.at(-1)!.expected += `${line}\n`
  }
  expect(sessions.length, text).toBeGreaterThan(0)
  return sessions
}

/** The words of a command line; quotes hold one together. */
function wordsOf(command: string): string[] {
  return [...command.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/gu)].map((match) => match[1] ?? match[2] ?? match[3]!)
}

function withoutAddresses(text: string): string {
  return text.replace(/0xffff[0-9a-f]{12}/gu, '0xffff')
}

function patternOf(expected: string): RegExp {
  const quoted = withoutAddresses(expected).replace(/[\\^$.*+?()[\]{}|/]/gu, '\\$&')
  return new RegExp(`^${quoted.replace(/^…\n/gmu, '(?:.*\\n)*').replaceAll('…', '.*')}$`, 'u')
}

const scripts = inLanguage('ts').filter(([, , block]) => /from 'harena(\/\w+)?'/u.test(block.text))

describe('TypeScript', () => {
  test('type-checks', () => {
    const folder = join(temporary, 'types')
    mkdirSync(folder)
    for (const [index, [, , block]] of scripts.entries()) writeFileSync(join(folder, `script-${index}.ts`), block.text)
    const config = {
      extends: join(ROOT, 'tsconfig.json'),
      compilerOptions: {
        paths: Object.fromEntries(
          Object.entries(ENTRIES).map(([entry, source]) => [
            entry === 'index' ? 'harena' : `harena/${entry}`,
            [join(ROOT, source)],
          ]),
        ),
        typeRoots: [join(ROOT, 'node_modules/@types')],
        noUnusedLocals: false,
      },
      include: ['*.ts'],
    }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
    let complaints = ''
    try {
      execFileSync(process.execPath, [tsc, '--noEmit', '-p', folder], { encoding: 'utf8' })
    } catch (error) {
      complaints = error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error)
    }
    // Other people's files are other tests' business.
    const names = scripts.map(([where], index) => [`script-${index}.ts`, where] as const)
    const ours = complaints.split('\n').filter((line) => names.some(([name]) => line.includes(name)))
    expect(ours.map((line) => names.reduce((text, [name, where]) => text.replaceAll(name, where), line))).toEqual([])
  })

  test.each(scripts)('%s', async (_where, page, block) => {
    const file = join(page.folder, `line-${block.line}.ts`)
    const source = block.text.replace(/from 'harena(?:\/(\w+))?'/gu, (_all, entry: string | undefined) => {
      return `from '${pathToFileURL(join(ROOT, ENTRIES[entry ?? 'index'] ?? `no entry ${entry}`)).href}'`
    })
    writeFileSync(file, source)
    process.chdir(page.folder)
    const lines: string[] = []
    const log = vi.spyOn(console, 'log').mockImplementation((...values: unknown[]) => {
      lines.push(values.map(String).join(' '))
    })
    try {
      await import(/* @vite-ignore */ file)
    } finally {
      log.mockRestore()
    }
    const next = page.blocks[page.blocks.indexOf(block) + 1]
    if (next?.language !== 'text') return
    const output = lines.map((line) => `${line}\n`).join('')
    if (!patternOf(next.text).test(withoutAddresses(output))) expect(output).toBe(next.text)
  })
})

describe('links', () => {
  test.each(pages.map((page) => [page.name, page] as const))('%s', (name, page) => {
    const prose = page.text.replace(/^```[\s\S]*?^```$/gmu, '').replace(/`[^`\n]*`/gu, '')
    for (const [, target] of prose.matchAll(/\]\(([^)\s]+)\)/gu)) {
      if (/^https?:/u.test(target!)) continue
      const [path, anchor] = target!.split('#')
      const file = path === '' ? join(ROOT, name) : resolve(ROOT, dirname(name), path!)
      expect(existsSync(file), `${name} links to ${target}`).toBe(true)
      if (anchor !== undefined) expect(anchorsOf(readFileSync(file, 'utf8')), `${name}: ${target}`).toContain(anchor)
    }
  })
})

/** Anchors of headings, as GitHub makes them. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gmu)].map((match) =>
    match[1]!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/gu, '-'),
  )
}

test('every message of docs/rejections.md has an example', () => {
  const folder = join(ROOT, 'examples/rejected')
  const page = pages.find(({ name }) => name === 'docs/rejections.md')!
  const examples = readdirSync(folder).map((name) => {
    return /^# expect: \w+ (.*)$/mu.exec(readFileSync(join(folder, name), 'utf8'))?.[1] ?? ''
  })
  const known = [...examples, ...page.blocks.map(({ marks }) => marks.rejected ?? '')].map(withoutNumbers)
  const { text } = page
  const section = text.slice(text.indexOf('## The commonest messages'), text.indexOf('### Not there yet'))
  const messages = [...section.matchAll(/^\| (`[^|]*) \|/gmu)].flatMap(([, cell]) =>
    [...cell!.matchAll(/`([^`]* [^`]*)`/gu)].map((match) => withoutNumbers(match[1]!)),
  )
  expect(messages.length).toBeGreaterThan(20)
  for (const message of messages) {
    expect(
      known.some((one) => one.startsWith(message.replace(/,? …$/u, ''))),
      message,
    ).toBe(true)
  }
})

/** Registers and offsets are another program's. */
function withoutNumbers(message: string): string {
  return message.replace(/-?\d+/gu, 'N')
}
