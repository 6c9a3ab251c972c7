/** Loops that do nothing but call. What the helpers give differs from engine to engine, so it is thrown away. */
import { COUNT, plainSource, type Workload } from '../workload.ts'

function callsOf(helper: string): string {
  return plainSource(`
.program run type=socket
${COUNT}
    r6 = 0
next:
    may_goto end
    call ${helper}
    r6 += r7
    r7 += -1
    if r7 != 0 goto next
end:
    r0 = r6
    exit
`)
}

export const CURRENT_CPU: Workload = {
  name: 'helper: current CPU',
  round: 'call',
  rounds: 4_000_000,
  few: 20_000,
  source: callsOf('bpf_get_smp_processor_id'),
}

export const RANDOM: Workload = {
  name: 'helper: random number',
  round: 'call',
  rounds: 1_000_000,
  few: 20_000,
  source: callsOf('bpf_get_prandom_u32'),
}

export const ARRAY_LOOKUP: Workload = {
  name: 'helper: array look-up',
  round: 'call',
  rounds: 2_000_000,
  few: 20_000,
  source: `.map counts type=array key=u32 value=u64 entries=1024
${plainSource(`
.program run type=socket
${COUNT}
    r6 = 0
next:
    may_goto end
    r1 = r7
    r1 &= 1023
    *(u32 *)(r10 - 4) = r1
    r1 = counts ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto end
    *(u64 *)(r0 + 0) = r7
    r6 += r7
    r7 += -1
    if r7 != 0 goto next
end:
    r0 = r6
    exit
`)}`,
}
