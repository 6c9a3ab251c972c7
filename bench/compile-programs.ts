/** Programs that are timed for how long compiling them takes, as assembly. */

/** 100 instructions with a loop in them; another `salt` makes another program, which no cache knows. */
export function smallProgram(salt: number): string {
  const body = Array.from({ length: 94 }, (_, index) => {
    switch (index % 3) {
      case 0:
        return `    r0 += ${salt * 100 + index}`
      case 1:
        return '    r2 ^= r0'
      default:
        return '    r0 *= 31'
    }
  })
  return `
.license "GPL"
.program main type=syscall
    r0 = 1
    r2 = 2
    r3 = 10
next:
${body.join('\n')}
    r3 += -1
    if r3 != 0 goto next
    exit
`
}

/** The verifier follows 8,192 branches at once, in harena as on Linux: so many instructions have one among them. */
const GROUP = 20

/**
 * So many instructions, or up to 20 more, nearly all of them executed in each run: arithmetic, branches, and loads and
 * stores in an arena, without a loop. `setup` allocates the pages.
 */
export function largeProgram(instructions: number): string {
  const groups = Math.ceil(instructions / GROUP)
  const lines = Array.from({ length: groups }, (_, group) => [
    `    r0 += ${group}`,
    '    r2 ^= r0',
    '    r2 *= 31',
    `    if r2 == ${group} goto skip${group}`,
    ...Array.from({ length: 4 }, (_ignored, part) => [
      `    r3 = *(u64 *)(r6 + ${(group * 8 + part * 800) % 4096})`,
      '    r3 += r2',
      '    r2 >>= 1',
    ]).flat(),
    `    *(u64 *)(r6 + ${(group * 24) % 4096}) = r3`,
    `skip${group}:`,
    '    r0 ^= r3',
    '    w2 += w0',
    '    r2 += r3',
  ]).flat()
  return `
.map arena type=arena entries=16 flags=mmapable extra=0x100000010000
.global base: u64
.license "GPL"
.program setup type=syscall
    r1 = arena ll
    r2 = 0
    w3 = 3
    w4 = -1
    r5 = 0
    call bpf_arena_alloc_pages
    r1 = base ll
    *(u64 *)(r1 + 0) = r0
    r0 = 0
    exit
.program main type=socket
    r1 = arena ll
    r6 = base ll
    r6 = *(u64 *)(r6 + 0)
    r6 = addr_space_cast(r6, 0, 1)
    r0 = 1
    r2 = 2
    r3 = 3
${lines.join('\n')}
    exit
`
}
