/** What every example is: a function that prints what happens. `npx harena example NAME` and the tests call it. */
import { type EngineName, type LoadedObject, Machine, type MachineOptions } from '../index.ts'
import { LinuxMachine, type LinuxObject } from '../linux/index.ts'
import { assembleFile } from '../node.ts'

export type Print = (line: string) => void

/** What runs an example: one of harena's own engines (the default of a machine where none is named), or the kernel. */
export type Engine = EngineName | 'linux'
export type OwnEngine = EngineName | undefined

/** What an example asks of the machine: the same of both kinds. */
export interface Loaded {
  readonly machine: { close(): void }
  readonly object: LoadedObject | LinuxObject
}

/**
 * Loads an example's program on a fresh machine. `here` is the example's import.meta.dirname. Options are for harena's
 * own machine: the kernel has the CPUs and the memory that it has.
 */
export async function load(here: string, file: string, engine?: Engine, options: MachineOptions = {}): Promise<Loaded> {
  const machine = engine === 'linux' ? new LinuxMachine() : new Machine({ seed: 1, engine, ...options })
  return { machine, object: machine.load(await assembleFile(`${here}/${file}`)) }
}

/** An address as people write it. */
export function hex(value: bigint | number): string {
  return `0x${value.toString(16)}`
}
