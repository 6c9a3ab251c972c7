/** Programs that tests of the verifier write themselves, as data: the running kernel is asked about them too. */

export interface InlineProgram {
  readonly name: string
  readonly source: string
}

/** Helper calls in a row, to see when states are stored. */
export function callsInRow(calls: number): string {
  return `${'  call bpf_get_prandom_u32\n'.repeat(calls)}  r0 = 0\n  exit\n`
}

export function boundedLoop(rounds: number): string {
  return `  r1 = 0\nl:\n  r1 += 1\n  if r1 < ${rounds} goto l\n  r0 = 0\n  exit\n`
}

export const ENDLESS_LOOP = '  r0 = 0\nl:\n  r0 += 1\n  goto l\n'

/** Paths put aside without end. */
export const TOO_MANY_PATHS = '  r6 = 0\n  r0 = 0\n  goto m\nl:\n  r6 += 1\n  goto m\nm:\n  may_goto l\n  exit\n'

/** A packet load in a function leaves it by another way: precision is sought past it. */
export const PACKET_LOAD_IN_FUNCTION = `.license "GPL"
.program p type=socket
  r7 = *(u32 *)(r1 + 0)
  r7 &= 7
  call f
  r2 = r10
  r2 += -8
  r2 += r7
  *(u8 *)(r2 + 0) = 1
  r0 = 0
  exit
.func f(a: ctx)
  r7 = 9
  r6 = r1
  r0 = *(u8 *)skb[60000]
  r0 = r7
  exit
`

/** Types of programs whose contexts are structs with rules for each field. */
export const CONTEXT_TYPES = ['xdp', 'socket'] as const
export const CONTEXT_WIDTHS = [1, 2, 4, 8] as const
/** From below the context to beyond its end. */
export const CONTEXT_OFFSETS: readonly number[] = Array.from({ length: 216 }, (_, i) => i - 8)

/** An address as assembly writes it. */
export function place(register: string, off: number): string {
  return `(${register} ${off < 0 ? '-' : '+'} ${Math.abs(off)})`
}

export function contextSource(type: string, body: string): string {
  return `.program p type=${type}\n${body}\n  r0 = 0\n  exit\n`
}

/** Of aligned accesses through the context one load and one store each; what is not aligned is refused alike. */
function contextAccesses(): InlineProgram[] {
  return CONTEXT_TYPES.flatMap((type) =>
    CONTEXT_WIDTHS.flatMap((size) =>
      CONTEXT_OFFSETS.filter((off) => off % size === 0).flatMap((off) => {
        const at = place('r1', off)
        return [
          { name: `${type} load ${size} at ${off}`, source: contextSource(type, `  r2 = *(u${8 * size} *)${at}`) },
          { name: `${type} store ${size} at ${off}`, source: contextSource(type, `  *(u${8 * size} *)${at} = 1`) },
        ]
      }),
    ),
  )
}

/** All of them. */
export function inlinePrograms(): readonly InlineProgram[] {
  const syscall = (name: string, body: string): InlineProgram => ({
    name,
    source: `.program p type=syscall\n${body}`,
  })
  return [
    ...[6, 7, 14, 15, 31, 40].map((calls) => syscall(`${calls} calls in a row`, callsInRow(calls))),
    ...[3, 10, 100, 1000].map((rounds) => syscall(`a loop of ${rounds} rounds`, boundedLoop(rounds))),
    syscall('a loop without end', ENDLESS_LOOP),
    syscall('too many paths', TOO_MANY_PATHS),
    { name: 'a packet load in a function', source: PACKET_LOAD_IN_FUNCTION },
    ...contextAccesses(),
  ]
}
