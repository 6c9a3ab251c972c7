/** For tests of the command: runs it in this process, in a folder of its own, on files that are written there. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll } from 'vitest'
import type { Io } from './io.ts'
import { execute } from './main.ts'

export const ROOT: string = resolve(import.meta.dirname, '..')
/** Programs that several tests run, by file name. */
const PROGRAMS = new Map<string, string>()

/** Where commands run and files lie; a test file's own. */
export let folder: string = ROOT

/** For the top of a test file: makes the folder, with the programs below, and goes there until its tests are done. */
export function useFolder(): void {
  const before = process.cwd()
  folder = mkdtempSync(join(tmpdir(), 'harena-cli-'))
  process.chdir(folder)
  for (const [name, text] of PROGRAMS) file(name, text)
  afterAll(() => {
    process.chdir(before)
    rmSync(folder, { recursive: true })
  })
}

export interface Result {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** `input` is what stands on standard input; `io` changes the rest. */
export async function harena(args: readonly string[], input = '', io: Partial<Io> = {}): Promise<Result> {
  let stdout = ''
  let stderr = ''
  const status = await execute(args, {
    out: (text) => {
      stdout += typeof text === 'string' ? text : Buffer.from(text).toString('latin1')
    },
    err: (text) => {
      stderr += text
    },
    input: () => input,
    terminal: false,
    now: () => 0,
    ...io,
  })
  return { status, stdout, stderr }
}

/** Writes a file into the folder that commands run in. */
export function file(name: string, content: string | Uint8Array): string {
  writeFileSync(join(folder, name), content)
  return name
}

function program(name: string, text: string): string {
  PROGRAMS.set(name, text)
  return name
}

export const COUNT: string = program(
  'count.bpf.s',
  `.global hits: u64 = 40
.map table type=array key=4 value=8 entries=2
.program count type=syscall
    r1 = hits ll
    r2 = *(u64 *)(r1 + 0)
    r2 += 2
    *(u64 *)(r1 + 0) = r2
    r0 = r2
    exit
`,
)
export const TWO: string = program(
  'two.bpf.s',
  '.program a type=syscall\nr0 = 1\nexit\n.program b type=syscall\nr0 = r5\nexit\n',
)
export const WIDE: string = program('wide.bpf.s', 'r0 = 0x1122334455667788 ll\nexit\n')
export const PRINTING: string = program(
  'printing.bpf.s',
  `.license "GPL"
.program hello type=syscall
    r1 = 0x0a6968                        # "hi\\n"
    *(u64 *)(r10 - 8) = r1
    r1 = r10
    r1 += -8
    w2 = 4
    call bpf_trace_printk
    r0 = 0
    exit
`,
)
export const XDP: string = program(
  'xdp.bpf.s',
  `.program turn type=xdp
    r2 = *(u32 *)(r1 + 0)
    r3 = *(u32 *)(r1 + 4)
    r4 = r2
    r4 += 14
    r0 = 5
    if r4 > r3 goto 1f
    *(u8 *)(r2 + 0) = 255
    r0 = 3
1:
    exit
.program filter type=socket
    r0 = *(u32 *)(r1 + 8)
    exit
`,
)
export const ENDLESS: string = program('endless.bpf.s', 'again:\n goto again\n exit\n')
/** Some 200,000 instructions of verification: a bounded loop, walked round by round. */
export const SLOW: string = program(
  'slow.bpf.s',
  `r1 = 0
again:
    r1 += 1
    if r1 < 60000 goto again
    r0 = 0
    exit
`,
)
export const FAULTING: string = program('faulting.bpf.s', 'r0 = 0\nr1 = 0x1234\nr0 = *(u64 *)(r1 + 8)\nexit\n')
export const BROKEN: string = program(
  'broken.bpf.s',
  '.program p type=syscall\n    r0 = \n    r11 = 1\n    cal bpf_x\n    exit\n',
)
