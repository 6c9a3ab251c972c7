/**
 * The work in C: all workloads in one program, which is compiled when it is first wanted and then told line by line,
 * on its standard input, what to do.
 *
 *     prepare SLOT WORKLOAD ROUNDS BYTES HUGE -> ok        run SLOT REPEAT -> NANOSECONDS DISTURBED ANSWER
 *     check SLOT -> ANSWER                                 free SLOT -> ok
 */
import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { PAGE, type Workload } from '../workload.ts'
import type { Engine, Prepared } from './engine.ts'

const COMPILERS = ['clang', 'clang-21', 'clang-20', 'clang-19', 'clang-18', 'gcc', 'cc'] as const

export interface Compiler {
  readonly command: string
  /** The first line of what it says about itself. */
  readonly version: string
}

/** The first compiler that answers; undefined where none does. */
export function findCompiler(commands: readonly string[] = COMPILERS): Compiler | undefined {
  for (const command of commands) {
    const version = versionOf(command)
    if (version !== undefined) return { command, version }
  }
  return undefined
}

function versionOf(command: string): string | undefined {
  try {
    const text = execFileSync(command, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    return text.split('\n', 1)[0]
  } catch (error) {
    // Not there, or in a folder that may not be looked into.
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'EACCES'))
      return undefined
    throw error
  }
}

const FUNCTIONS = ['setup', 'before', 'run', 'check'] as const

/** One program with the functions of all workloads. */
export function nativeSource(workloads: readonly Workload[]): string {
  const parts = workloads.flatMap(({ c }, index) =>
    c === undefined ? [] : [`#undef W\n#define W(name) w${index}_##name\n${c}`],
  )
  const table = workloads.map(({ c }, index) =>
    FUNCTIONS.map((name) => (c?.includes(` W(${name})(`) === true ? `w${index}_${name}` : '0')).join(', '),
  )
  return `${PROLOGUE}${parts.join('\n')}
typedef u64 work(char *, u64);
static work *const works[][4] = {
${table.map((row) => `    {${row}},`).join('\n')}
};
${MAIN}`
}

const PROLOGUE = `#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
typedef uint64_t u64;
`

const MAIN = `
static u64 now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * 1000000000ull + time.tv_nsec;
}
static long switches(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_nvcsw + usage.ru_nivcsw;
}
static struct { work *const *work; char *memory; u64 rounds; } slots[64];
static void prepare(unsigned slot, unsigned index, u64 rounds, u64 bytes, int huge) {
    char *memory = huge ? aligned_alloc(2 << 20, (bytes + (2 << 20)) >> 21 << 21) : malloc(bytes + 1);
    if (memory == 0) exit(1);
#ifdef MADV_HUGEPAGE
    if (huge) madvise(memory, (bytes + (2 << 20)) >> 21 << 21, MADV_HUGEPAGE);
#endif
    memset(memory, 0, bytes);
    slots[slot].work = works[index];
    slots[slot].memory = memory;
    slots[slot].rounds = rounds;
    if (works[index][0]) works[index][0](memory, rounds);
    puts("ok");
}
int main(void) {
    char line[256];
    while (fgets(line, sizeof line, stdin)) {
        unsigned slot, index;
        unsigned long long rounds, bytes;
        int huge;
        if (sscanf(line, "prepare %u %u %llu %llu %d", &slot, &index, &rounds, &bytes, &huge) == 5) {
            prepare(slot, index, rounds, bytes, huge);
        } else if (sscanf(line, "run %u %llu", &slot, &rounds) == 2) {
            u64 n = slots[slot].rounds, answer = 0;
            char *memory = slots[slot].memory;
            if (slots[slot].work[1]) slots[slot].work[1](memory, n);
            long before = switches();
            u64 thread = now(CLOCK_THREAD_CPUTIME_ID), passed = now(CLOCK_MONOTONIC);
            while (rounds--) answer = slots[slot].work[2](memory, n);
            passed = now(CLOCK_MONOTONIC) - passed;
            thread = now(CLOCK_THREAD_CPUTIME_ID) - thread;
            int disturbed = switches() != before;
            u64 time = disturbed && thread < passed ? thread : passed;
            printf("%llu %d %d\\n", (unsigned long long)time, disturbed, (int)(uint32_t)answer);
        } else if (sscanf(line, "check %u", &slot) == 1) {
            work *check = slots[slot].work[3];
            printf("%d\\n", check ? (int)(uint32_t)check(slots[slot].memory, slots[slot].rounds) : 0);
        } else if (sscanf(line, "free %u", &slot) == 1) {
            free(slots[slot].memory);
            puts("ok");
        } else return 2;
        fflush(stdout);
    }
    return 0;
}
`

/** The compiled program, running. */
export class NativeProgram {
  readonly #directory: string
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #lines: AsyncIterator<string>
  readonly #workloads: readonly Workload[]
  #slots = 0

  constructor({ command }: Compiler, workloads: readonly Workload[]) {
    this.#workloads = workloads
    this.#directory = mkdtempSync(join(tmpdir(), 'harena-bench-'))
    const source = join(this.#directory, 'native.c')
    const program = join(this.#directory, 'native')
    writeFileSync(source, nativeSource(workloads))
    execFileSync(command, ['-O2', '-o', program, source], { stdio: ['ignore', 'inherit', 'inherit'] })
    this.#child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  /** `huge`: on memory that the kernel is asked to back with huge pages. */
  engine(huge: boolean): Engine {
    return {
      name: huge ? 'native-huge' : 'native',
      prepare: (workload, rounds) => {
        if (workload.c === undefined || (huge && workload.pages === undefined)) return undefined
        return this.#prepare(workload, rounds, huge)
      },
      close: () => undefined,
    }
  }

  async #prepare(workload: Workload, rounds: number, huge: boolean): Promise<Prepared> {
    const slot = this.#slots++ % 64
    const index = this.#workloads.indexOf(workload)
    const bytes = (workload.pages?.(rounds) ?? 0) * PAGE
    await this.#ask(`prepare ${slot} ${index} ${rounds} ${bytes} ${huge ? 1 : 0}`)
    const checks = workload.c?.includes(' W(check)(') === true
    return {
      run: async (repeat) => {
        const [ns, disturbed, answer] = (await this.#ask(`run ${slot} ${repeat}`)).split(' ').map(Number)
        return { ms: ns! / 1e6, disturbed: disturbed !== 0, answer: answer! }
      },
      check: async () => (checks ? Number(await this.#ask(`check ${slot}`)) : undefined),
      close: () => void this.#ask(`free ${slot}`),
    }
  }

  async #ask(line: string): Promise<string> {
    this.#child.stdin.write(`${line}\n`)
    const { value, done } = await this.#lines.next()
    if (done === true) throw new Error(`the C program has ended on: ${line}`)
    return value
  }

  close(): void {
    this.#child.stdin.end()
    rmSync(this.#directory, { recursive: true, force: true })
  }
}
