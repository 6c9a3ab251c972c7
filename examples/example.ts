/** What every example is: a function that prints what happens. `npx harena example NAME` and the tests call it. */
import { Machine, type MachineOptions } from '../index.ts'
import { assembleFile } from '../node.ts'

export type Print = (line: string) => void

/** Loads an example's program on a fresh machine. `here` is the example's import.meta.dirname. */
export async function load(
  here: string,
  file: string,
  options: MachineOptions = {},
): Promise<{ machine: Machine; object: ReturnType<Machine['load']> }> {
  const machine = new Machine({ seed: 1, ...options })
  const object = machine.load(await assembleFile(`${here}/${file}`))
  return { machine, object }
}

/** An address as people write it. */
export function hex(value: bigint | number): string {
  return `0x${value.toString(16)}`
}
