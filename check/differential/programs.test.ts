/** What the harness tries: the same for a seed, mixed as it says, with packets that are valid. */
import { describe, expect, test } from 'vitest'
import { assemble } from '../../asm/assemble.ts'
import { testCount, testSeed } from '../seed.ts'
import { isJudgement, verdictOf } from './compare.ts'
import { judge, questionOf } from './pose.ts'
import { type Candidate, CLASSES, candidates, inputsFor } from './programs.ts'

const SEED: number = testSeed(4)
const COUNT: number = testCount(200, 4000)

function take(count: number, only?: string): Candidate[] {
  const found: Candidate[] = []
  for (const candidate of candidates(SEED, only)) {
    found.push(candidate)
    if (found.length === count) break
  }
  return found
}

const all: readonly Candidate[] = take(COUNT)

/** accepted, or why not; undefined where it takes too long to tell. */
function verdict(program: Candidate, cpus = 2): string | undefined {
  const answer = judge(questionOf(program, inputsFor(program, SEED)), cpus)
  return answer === undefined || !isJudgement(answer) ? undefined : verdictOf(answer)
}

const isPage = ({ map }: { readonly map: string }): boolean => map === 'arena'

test('programs and inputs of a seed are always the same', () => {
  const again = take(40)
  expect(again).toEqual(all.slice(0, 40))
  expect(again.map((one) => inputsFor(one, SEED))).toEqual(all.slice(0, 40).map((one) => inputsFor(one, SEED)))
})

test('a fifth and more are mutants, a fifth see packets', () => {
  const share = (test: (one: Candidate) => boolean): number => all.filter(test).length / all.length
  const isMutant = ({ kind }: Candidate): boolean => kind.endsWith('mutant')
  expect(share(({ classes }) => classes.includes('mutant'))).toBeGreaterThanOrEqual(0.2)
  expect(all.filter((one) => one.classes.includes('mutant') !== isMutant(one))).toEqual([])
  expect(share(({ kind }) => kind.startsWith('packet'))).toBe(0.2)
  expect(share(({ comparable }) => comparable)).toBeGreaterThanOrEqual(0.4)
})

test('no program is of a class that is not counted', () => {
  expect(CLASSES).toEqual(expect.arrayContaining([...new Set(all.flatMap(({ classes }) => classes))]))
})

test.each(CLASSES)('%s alone', (name) => {
  for (const { classes } of take(3, name)) expect(classes).toContain(name)
})

describe('programs that see packets', () => {
  const packets = take(10 * testCount(100, 1000)).filter(({ kind }) => kind === 'packet')

  test('are accepted, nine of ten at least', () => {
    const refused = packets.flatMap((one) => (verdict(one) === 'accepted' ? [] : [`${one.number}: ${verdict(one)}`]))
    expect(refused.length, refused.join('\n')).toBeLessThanOrEqual(packets.length / 10)
  })

  test('are of both types', () => {
    const types = packets.map(({ text }) => assemble(text).programs[0]!.type)
    expect(new Set(types)).toEqual(new Set(['xdp', 'socket']))
  })

  test.each([
    ['packet pointers are compared with the end', /if r\d (?:<|>|<=|>=) r\d/u],
    ['the packet is loaded from', /skb\[/u],
    ['at offsets that vary', /skb\[r\d\]/u],
    ['context fields are read', /\*\(u(?:8|16|32) \*\)\(r\d \+ 12\)/u],
  ])('%s', (_, form) => expect(packets.some(({ text }) => form.test(text))).toBe(true))

  test('wild ones are refused for many reasons', () => {
    const wild = take(20 * testCount(60, 400)).filter(({ kind }) => kind === 'packet-wild')
    const reasons = wild.map((one) => verdict(one)?.replaceAll(/-?\d+/gu, 'N'))
    expect(new Set(reasons).size).toBeGreaterThan(8)
    expect(reasons.filter((reason) => reason !== 'accepted').length).toBeGreaterThan(wild.length / 3)
  })

  test('are run with packets, the others with contexts', () => {
    for (const one of all.slice(0, 40)) {
      const isPacket = one.classes.includes('packet')
      for (const { ctx, data } of inputsFor(one, SEED)) {
        expect(data === undefined).toBe(!isPacket)
        expect(ctx.length > 0).toBe(!isPacket)
        if (data !== undefined) expect(data.length).toBeGreaterThanOrEqual(14)
      }
    }
  })

  test('find pages of the arena that the user touched, and change them', () => {
    const changed = packets.filter((one) => {
      const question = questionOf(one, inputsFor(one, SEED))
      const answer = judge(question, 2)
      const arena = answer?.verdict === 'accepted' ? answer.maps.arena : undefined
      if (arena?.kind !== 'pages') return false
      expect(arena.pages.length > 0).toBe(question.runs?.some(({ elements }) => elements?.some(isPage)) ?? false)
      const given = new Map(
        question.runs?.flatMap(({ elements = [] }) => elements.filter(isPage)).map((e) => [e.key, e]),
      )
      return arena.pages.some(([page, bytes]) => {
        const start = given.get(page)?.bytes ?? new Uint8Array()
        return Buffer.compare(bytes.subarray(0, start.length), start) !== 0 || bytes.subarray(64).some((b) => b !== 0)
      })
    })
    expect(changed.length).toBeGreaterThan(0)
  })
})
