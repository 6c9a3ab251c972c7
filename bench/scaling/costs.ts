/** The cost model: what an access to shared memory takes. The figures are measured (measure.ts) and committed. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Nanoseconds each. */
export interface Costs {
  /** A load or store of a line that the CPU has, with the instructions around it. */
  readonly hit: number
  /** An atomic operation on a line that the CPU has to itself. */
  readonly atomic: number
  /** A load of a line that another CPU has written last, or that the CPU has no copy of. */
  readonly read: number
  /** Getting a line for writing that other CPUs have: comes on top of the store or atomic operation. */
  readonly own: number
  /** From the end of a holder's unlock to the moment at which a waiter on another CPU has the lock. */
  readonly handoff: number
  /** What a round takes beside its accesses: the system call that it begins with. */
  readonly round: number
}

export const COST_NAMES: readonly (keyof Costs)[] = ['hit', 'atomic', 'read', 'own', 'handoff', 'round']

export interface MeasuredCosts {
  readonly machine: string
  readonly node: string
  readonly costs: Costs
  /** How each was measured. */
  readonly how: Readonly<Record<keyof Costs, string>>
}

export const COSTS_FILE: string = join(import.meta.dirname, 'costs.json')

export function readCosts(): MeasuredCosts {
  return JSON.parse(readFileSync(COSTS_FILE, 'utf8')) as MeasuredCosts
}

/** The same costs with one of them `factor` times as large. */
export function scaled(costs: Costs, name: keyof Costs, factor: number): Costs {
  return { ...costs, [name]: costs[name] * factor }
}
