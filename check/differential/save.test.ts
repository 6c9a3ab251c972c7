/** What fails is kept, small, under a name that says where it came from; what is explained is not. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { MAX_KEPT, pendingNames } from '../pending.ts'
import type { Escape } from '../state-check.ts'
import type { DifferentialResult, Found, Kernel } from './campaign.ts'
import { parseCase } from './found-case.ts'
import { answerOfHarena } from './harena.ts'
import { type Candidate, candidates, inputsFor } from './programs.ts'
import { saveFound } from './save.ts'

const SEED = 5

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'kept-'))
  onTestFinished(() => rmSync(path, { recursive: true }))
  return path
}

function someValid(): Candidate {
  for (const candidate of candidates(SEED)) if (candidate.kind === 'valid') return candidate
  throw new Error('candidates never end')
}

const VALID: Candidate = someValid()
const harena: Kernel = { ask: async (question) => answerOfHarena(question, { cpus: 2 }) }
const refusing: Kernel = {
  ask: async () => ({ verdict: 'rejected', program: 'main', errno: 'EINVAL', message: 'not here', log: '' }),
}
const verdict = (theirs: string, ours = 'accepted'): Found => ({
  candidate: VALID,
  disagreement: { kind: 'verdict', harena: ours, linux: theirs },
})
const save = (
  kernel: Kernel,
  { found = [], escapes = [] }: Partial<Pick<DifferentialResult, 'found' | 'escapes'>>,
  to: string,
): Promise<readonly string[]> => saveFound(kernel, { seed: SEED, found, escapes }, 2, to)

test('a disagreement: shrunk, and a case as found cases are', async () => {
  const to = directory()
  const [path, ...more] = await save(refusing, { found: [verdict('EINVAL not here'), verdict('EINVAL not here')] }, to)
  expect(more).toEqual([])
  expect(basename(path!)).toBe(`seed-${SEED}-${VALID.number}.bpf.s`)
  const text = readFileSync(path!, 'utf8')
  expect(text.length).toBeLessThan(VALID.text.length)
  expect(parseCase(text).linux).toBe('EINVAL not here')
  expect(pendingNames(to)).toEqual([basename(path!)])
})

test('what is explained is not kept', async () => {
  const to = directory()
  const known = verdict('accepted', 'EOPNOTSUPP harena does not implement loads from struct bpf_array')
  expect(await save(harena, { found: [known] }, to)).toEqual([])
  expect(pendingNames(to)).toEqual([])
})

test('what was seen once and never again is kept too, whole', async () => {
  const [path] = await save(harena, { found: [verdict('EINVAL not here')] }, directory())
  const text = readFileSync(path!, 'utf8')
  expect(text).toContain('not there a second time')
  expect(text).toContain(VALID.text.trimEnd())
})

test('escapes are kept, and no more than a few of a run', async () => {
  const found: Escape = {
    ...{ program: 'main', slot: 7, chain: '', place: 'frame 0: R3', value: '0x5', nearest: 'R3=4', pruning: true },
    input: inputsFor(VALID, SEED)[0]!,
  }
  const to = directory()
  const escapes = Array.from({ length: 2 * MAX_KEPT }, (_, n) => {
    return { candidate: { ...VALID, number: n }, escape: found }
  })
  const paths = await save(harena, { escapes }, to)
  expect(paths.length).toBe(MAX_KEPT)
  const text = readFileSync(paths[0]!, 'utf8')
  expect(text).toContain('# seed 5, program 0: state checking, instruction 7: frame 0: R3 = 0x5, walked with pruning')
  expect(parseCase(text).question.runs?.length ?? 0).toBe(VALID.comparable ? 1 : 0)
})
