/** For tests of the verifier: what the running kernel says otherwise of the programs that they wrote. */
import { assemble } from '../../asm/assemble.ts'
import { KernelClient } from '../../linux/index.ts'
import { possibleCpus } from '../../linux/possible-cpus.ts'
import type { Kernel } from './campaign.ts'
import { isJudgement, verdictOf } from './compare.ts'
import { verifierVerdict } from './corpus.ts'
import { explain } from './known-differences.ts'

export interface OtherVerdict {
  readonly source: string
  readonly harena: string
  readonly linux: string
}

/** Some programs keep the kernel's verifier walking to its limit. */
const TIMEOUT_MS = 60_000
/** Questions on their way. */
const IN_FLIGHT = 48

/** Verdicts or messages of the running kernel that are not harena's, for no reason that docs/parity.md gives. */
export async function otherVerdicts(sources: readonly string[]): Promise<readonly OtherVerdict[]> {
  const client = new KernelClient({ timeoutMs: TIMEOUT_MS })
  try {
    return await compareVerdicts(client, sources)
  } finally {
    client.close()
  }
}

export async function compareVerdicts(kernel: Kernel, sources: readonly string[]): Promise<readonly OtherVerdict[]> {
  const cpus = possibleCpus()
  const found: OtherVerdict[] = []
  const ask = async (source: string): Promise<void> => {
    const object = assemble(source)
    for (const { name } of object.programs) {
      const answer = kernel.ask({ object, programs: [name], read: [] })
      const harena = verifierVerdict(object, name, cpus)
      const asked = await answer
      const linux = isJudgement(asked) ? verdictOf(asked) : asked.message
      if (harena !== linux && explain({ harena, linux }) === undefined) found.push({ source, harena, linux })
    }
  }
  for (let from = 0; from < sources.length; from += IN_FLIGHT) {
    await Promise.all(sources.slice(from, from + IN_FLIGHT).map(ask))
  }
  return found
}
