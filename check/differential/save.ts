/** Shrinks what was found and writes it as cases, one for each message. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { byMessage, type DifferentialResult, type Kernel } from './campaign.ts'
import { renderCase } from './found-case.ts'
import { shrinkFound } from './shrink.ts'

/** Cases of one run: the most frequent messages. */
const MAX_CASES = 20

/** The paths written. */
export async function saveFound(
  kernel: Kernel,
  { seed, found }: Pick<DifferentialResult, 'seed' | 'found'>,
  cpus: number,
  directory: string,
): Promise<readonly string[]> {
  const paths: string[] = []
  for (const { first } of byMessage(found).slice(0, MAX_CASES)) {
    const small = await shrinkFound(kernel, first, { seed, cpus })
    mkdirSync(directory, { recursive: true })
    const path = join(directory, `seed-${seed}-${first.candidate.number}.bpf.s`)
    writeFileSync(path, renderCase(small))
    paths.push(path)
  }
  return paths
}
