/**
 * Programs whose verdicts are known: the examples, those of examples/rejected, recorded logs and cases of the verifier.
 * What tests of the verifier write themselves each of them puts to the kernel (as-linux.ts).
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { assemble } from '../../asm/assemble.ts'
import { decode } from '../../isa/instruction.ts'
import { assembleFile } from '../../node.ts'
import { link } from '../../program/link.ts'
import type { ObjectSpec } from '../../program/object.ts'
import { RECORDED_LOGS } from '../../verifier/log-recorded.ts'
import { STATIC_CASES } from '../../verifier/prepare-cases.ts'
import { bindMaps, judge } from '../../verifier/testing.ts'
import { isJudgement, normalised, verdictOf } from './compare.ts'
import { answerOfHarena } from './harena.ts'

const ROOT: string = resolve(import.meta.dirname, '../..')

export interface CorpusProgram {
  readonly name: string
  readonly object: ObjectSpec
  readonly program: string
  /** harena's verdict, as verdictOf gives it. */
  readonly harena: (cpus: number) => string
}

/** Every one of them, a program at a time. */
export async function corpus(): Promise<readonly CorpusProgram[]> {
  const files = [...examples(), ...rejected()]
  const objects = await Promise.all(files.map(async ({ name, path }) => ({ name, object: await assembleFile(path) })))
  return [
    ...objects.flatMap((one) => programsOf(one, machineVerdict)),
    ...[...recorded(), ...testdata(), ...raw()].flatMap((one) => programsOf(one, verifierVerdict)),
  ]
}

type VerdictOf = (object: ObjectSpec, program: string, cpus: number) => string

function programsOf({ name, object }: NamedObject, verdict: VerdictOf): CorpusProgram[] {
  return object.programs.map(({ name: program }) => ({
    name: object.programs.length === 1 ? name : `${name}: ${program}`,
    object,
    program,
    harena: (cpus) => verdict(object, program, cpus),
  }))
}

function machineVerdict(object: ObjectSpec, program: string, cpus: number): string {
  const answer = answerOfHarena({ object, programs: [program], read: [] }, { cpus })
  return isJudgement(answer) ? verdictOf(answer) : answer.message
}

/** Of the verifier alone, which knows more types of maps than there are in harena. */
export function verifierVerdict(object: ObjectSpec, program: string, cpus: number): string {
  const found = judge(bindMaps(object, link(object, program)), { cpus })
  return found.accepted ? 'accepted' : `${found.error.errno} ${normalised(found.error.reason)}`
}

interface NamedFile {
  readonly name: string
  readonly path: string
}

function examples(): NamedFile[] {
  return readdirSync(join(ROOT, 'examples'))
    .map((name) => ({ name: `examples/${name}`, path: join(ROOT, 'examples', name, `${name}.bpf.s`) }))
    .filter(({ path }) => existsSync(path))
}

function rejected(): NamedFile[] {
  return readdirSync(join(ROOT, 'examples/rejected'))
    .filter((name) => name.endsWith('.bpf.s'))
    .map((name) => ({ name: `rejected/${name}`, path: join(ROOT, 'examples/rejected', name) }))
}

interface NamedObject {
  readonly name: string
  readonly object: ObjectSpec
}

function recorded(): NamedObject[] {
  return RECORDED_LOGS.map(({ name, source }) => ({ name: `log-recorded/${name}`, object: assemble(source) }))
}

/** `=== NAME [flags N]`, the source, `--- VERDICT`, the log. */
const CASE = /^(?<name>.*?)(?: \[flags (?<flags>\d+)\])?\n(?<body>[\s\S]*?)\n--- .*\n/u

function testdata(): NamedObject[] {
  const directory = join(ROOT, 'verifier/testdata')
  return readdirSync(directory).flatMap((file) =>
    readFileSync(join(directory, file), 'utf8')
      .split(/^=== /mu)
      .filter((part) => part.trim() !== '')
      .map((part) => {
        const { name, body, flags = '0' } = CASE.exec(part)?.groups ?? {}
        if (name === undefined || body === undefined) throw new Error(`testdata/${file}: no case:\n${part}`)
        const object = assemble(/^\.program/mu.test(body) ? body : `.program p type=syscall\n${body}`)
        return { name: `testdata/${file}/${name}`, object: withFlags(object, Number(flags)) }
      }),
  )
}

function withFlags(object: ObjectSpec, flags: number): ObjectSpec {
  return { ...object, programs: object.programs.map((program) => ({ ...program, flags: program.flags | flags })) }
}

/** Instructions that no assembler would write. */
function raw(): NamedObject[] {
  const frame = assemble('.license "GPL"\n.program p type=syscall\n exit\n')
  return STATIC_CASES.map(({ name, code }) => {
    const bytes = Uint8Array.from(Buffer.from(code.replaceAll(/\s/gu, ''), 'hex'))
    const programs = frame.programs.map((program) => ({ ...program, insns: decode(bytes), lines: [] }))
    return { name: `prepare-cases/${name}`, object: { ...frame, programs } }
  })
}
