/** How far a program comes before the clock is looked at, whatever its loops are made of. */
import { expect, test } from 'vitest'
import { assemble } from '../asm/assemble.ts'
import { FaultError } from '../errors/errors.ts'
import { verify } from '../verifier/verify.ts'
import { MachineCore } from '../vm/machine.ts'
import { makeJit } from './engine.ts'

const COUNT = `r1 = rounds ll
r2 = *(u64 *)(r1 + 0)
r2 += 1
*(u64 *)(r1 + 0) = r2`

/** Some thousand verified rounds, each of which counts. `name`: of its labels. */
const bounded = (name: string): string => `r7 = 0
${name}:
${COUNT}
r7 += 1
if r7 < 5000 goto ${name}`

const LONG = Array.from({ length: 2000 }, () => 'r3 *= 5').join('\n')

/** What was counted when the time was over, which it is at the `looks`th look at the clock. */
function roundsUntil(looks: number, body: string, pieces: boolean): number {
  let calls = 0
  const engine = makeJit(pieces ? { pieces: { from: 1, piece: 16, block: 8 } } : {})
  const machine = new MachineCore({ hostTime: () => calls++ }, { verify, engines: [engine] })
  try {
    const object = machine.load(
      assemble(`.license "GPL"\n.global rounds: u64\n.program main type=syscall\nr3 = *(u64 *)(r1 + 0)\n${body}`),
    )
    const run = (): unknown => object.program('main').run({ timeoutMs: looks, ctx: new Uint8Array(8) })
    expect(run).toThrow(FaultError)
    expect(run).toThrow('timed out')
    return Number(object.global('rounds').get())
  } finally {
    machine.close()
  }
}

/** A look at the clock after so many rounds of what counts, give or take what is between. */
const BATCH = 65_536
/** A round of a small loop is written four times over, which count as one. */
const UNROLLED = 4.2

test.each<[what: string, body: string, mostPerLook: number]>([
  ['may_goto', `next: may_goto out\n${COUNT}\ngoto next\nout: exit`, 1.1 * BATCH],
  [
    'a verified loop in one with may_goto',
    `next: may_goto out\n${bounded('in')}\ngoto next\nout: exit`,
    UNROLLED * BATCH,
  ],
  [
    'two such loops in one another',
    `next: may_goto out
r8 = 0
mid:
${bounded('in')}
r8 += 1
if r8 < 9 goto mid
goto next
out: exit`,
    UNROLLED * BATCH,
  ],
  [
    'a verified loop of a static function',
    `next: may_goto out\ncall f\ngoto next\nout: exit\n.func f\n${bounded('in')}\nr0 = 0\nexit`,
    UNROLLED * BATCH,
  ],
  [
    'a verified loop of a global function',
    `r6 = 0
next: call f
r6 += 1
if r6 < 9000 goto next
exit
.func f global
${bounded('in')}
r0 = 0
exit`,
    UNROLLED * BATCH,
  ],
  ['a long round with may_goto', `next: may_goto out\n${COUNT}\n${LONG}\ngoto next\nout: exit`, BATCH / 16],
])('%s', (_, body, mostPerLook) => {
  const text = body.replaceAll('exit', 'r0 = 0\nexit')
  for (const pieces of [false, true]) {
    const rounds = roundsUntil(4, text, pieces)
    expect(rounds).toBeGreaterThan(0)
    // Two runs, of four looks each at most.
    expect(rounds / 8).toBeLessThan(mostPerLook)
  }
})

test('where the verifier has walked all rounds, nothing is counted', () => {
  const machine = new MachineCore({}, { verify, engines: [makeJit()] })
  const object = machine.load(
    assemble(`.license "GPL"\n.global rounds: u64\n.program main type=syscall\n${bounded('in')}\nr0 = 0\nexit`),
  )
  const { text } = object.program('main').translation()!
  expect(/\(func \$main.*?\n {2}\)/su.exec(text)![0]).not.toContain('$fuel')
  machine.close()
})
