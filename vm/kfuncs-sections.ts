/**
 * kfuncs that open and close sections: RCU readers, preemption, interrupts. The verifier sees that they are paired. A
 * program that it has not seen may close what it never opened: that does nothing. What it leaves open, run.ts closes.
 */
import type { Cpu } from '../cpu/cpu.ts'
import { load32, store32 } from '../memory/access.ts'
import type { MakeNative, Services } from './services.ts'
import type { RunState } from './state.ts'

export const SECTION_KFUNCS: Readonly<Record<string, MakeNative>> = {
  bpf_rcu_read_lock: ({ kernel }) => {
    return (_, { cpu }) => kernel.processors.rcu.enter(cpu)
  },
  bpf_rcu_read_unlock: ({ kernel }) => {
    const { rcu } = kernel.processors
    return (_, { cpu }) => {
      if (rcu.nesting(cpu) > 0) rcu.leave(cpu)
    }
  },
  bpf_preempt_disable: (services) => (_, state) => {
    cpuOf(services, state).preemptOff++
  },
  bpf_preempt_enable: (services) => (_, state) => {
    const cpu = cpuOf(services, state)
    if (cpu.preemptOff > 0) cpu.preemptOff--
  },
  // The flag is Linux's word of eight bytes; what stands in it is nobody's business but restore's.
  bpf_local_irq_save: (services) => (R, state) => {
    const { memory } = services.kernel
    const flag = R[2]! >>> 0
    store32(memory, flag, cpuOf(services, state).irqSave() ? IRQS_OFF : IRQS_ON)
    store32(memory, flag + 4, 0)
  },
  bpf_local_irq_restore: (services) => (R, state) => {
    const wereOff = load32(services.kernel.memory, R[2]! >>> 0) !== IRQS_ON
    cpuOf(services, state).irqRestore(wereOff)
  },
}

/** The interrupt flag of x86's flags register, which is what Linux keeps. */
const IRQS_ON = 0x200
const IRQS_OFF = 0

function cpuOf({ cpus }: Services, { cpu }: RunState): Cpu {
  return cpus[cpu]!
}
