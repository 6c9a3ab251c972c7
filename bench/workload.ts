/**
 * What the engines are compared on: the same work as a BPF program, as plain C on malloc'ed memory, and as plain
 * TypeScript. All give the same 32-bit answer, which is compared whenever anything is timed.
 *
 *     setup ──> before ──> run ──> before ──> run ──> … ──> check
 *                          timed              timed
 *
 * A BPF object has the program `run`, of type socket or xdp, as Linux repeats and times no syscall program. `setup`,
 * `before` and `check` are there where the work needs them. The arena's pages are allocated by `setup`, a syscall
 * program, as Linux lets no other one allocate. Sizes come from the globals `n` and `pages`, so that the verifier does
 * not walk the rounds; loops end by may_goto, which allows 8,388,608 rounds a call, and 250 ms on Linux.
 */

export interface Workload {
  readonly name: string
  /** What a round is; times are nanoseconds of one. */
  readonly round: string
  /** Rounds of one run. */
  readonly rounds: number
  /** Rounds of one run on engines that are many times slower, and in tests. */
  readonly few: number
  /** Times that `run` is repeated within one timing; default 1. */
  readonly repeat?: number
  /** Runs of which one timing is the median: for those that are so short that an interrupt shows; default 1. */
  readonly runs?: number
  /** Pages of arena that so many rounds need; undefined for work without an arena. */
  readonly pages?: (rounds: number) => number
  readonly source: string
  /**
   * Functions `u64 W(run)(char *m, u64 n)` and, with the same parameters, W(setup), W(before), W(check); `m` is as much
   * memory as the arena's pages. Undefined where C has no such thing: helpers, maps.
   */
  readonly c?: string
  readonly plain?: (rounds: number) => Plain
  /** Whether TypeScript, too, does the few rounds only: 64 bits are BigInt. */
  readonly plainIsSlow?: boolean
}

/** The work in TypeScript: closures over what `setup` would have made. */
export interface Plain {
  readonly before?: () => void
  /** The low 32 bits of the answer, in any form that `| 0` takes. */
  readonly run: () => number
  readonly check?: () => number
}

/** Bytes in a page of an arena. */
export const PAGE: number = 4096

const HEAD = `
.global base: u64
.global pages: u64
.global n: u64
.license "GPL"
`

/** An object with an arena of so many pages, mapped at a fixed address, which `setup` starts with allocating. */
export function arenaSource(entries: number, setup: string, rest: string): string {
  return `
.map arena type=arena entries=${entries} flags=mmapable extra=0x100000010000
${HEAD}
.program setup type=syscall
    r1 = arena ll
    r2 = 0
    r3 = pages ll
    r3 = *(u64 *)(r3 + 0)
    w4 = -1
    r5 = 0
    call bpf_arena_alloc_pages
    if r0 == 0 goto failed
    r1 = base ll
    *(u64 *)(r1 + 0) = r0
    r9 = r0                              # as user space sees it
    r6 = addr_space_cast(r0, 0, 1)       # as the program does
    r7 = n ll
    r7 = *(u64 *)(r7 + 0)
${setup}
    r0 = 0
    exit
failed:
    r0 = 1
    exit
${rest}
`
}

/** How a program begins that works on the arena: r6 is its first page for the program, r9 for user space, r7 is n. */
export const ENTER: string = `
    r1 = arena ll
    r6 = base ll
    r9 = *(u64 *)(r6 + 0)
    r6 = addr_space_cast(r9, 0, 1)
    r7 = n ll
    r7 = *(u64 *)(r7 + 0)
`

/** An object without an arena. */
export function plainSource(rest: string): string {
  return `${HEAD}${rest}`
}

/** How a program begins that works on none: r7 is n. */
export const COUNT: string = `
    r7 = n ll
    r7 = *(u64 *)(r7 + 0)
`
