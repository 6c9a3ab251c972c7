/** For tests: a program on both machines, and the reason to skip where the kernel does not answer. */
import { expect, type TestContext } from 'vitest'
import { assemble } from '../asm/assemble.ts'
import { jit } from '../jit/engine.ts'
import { verify } from '../verifier/verify.ts'
import { interpreter } from '../vm/interpreter-engine.ts'
import type { LoadedObject } from '../vm/loaded-object.ts'
import { MachineCore } from '../vm/machine.ts'
import { type Wanted, whyUnavailable } from './availability.ts'
import { LinuxMachine, type LinuxObject } from './machine.ts'

export function skipWithoutKernel(ctx: TestContext, wanted?: Wanted): void {
  const why = whyUnavailable(wanted)
  if (why !== undefined) ctx.skip(`the kernel cannot be asked: ${why}`)
}

export type EitherObject = LoadedObject | LinuxObject

/**
 * Does the same on harena's machine, with each of its engines, and on the kernel; gives what harena and Linux gave.
 * `work` may give a function, which is called when the machine is closed. What is compared must be plain data: harena's
 * objects reach memories of gigabytes, which a comparison would walk.
 */
export function onBoth<T>(source: string, work: (object: EitherObject) => T | (() => T)): [T, T] {
  const object = assemble(source)
  const [interpreted, compiled, onLinux] = [
    new MachineCore({}, { verify, engines: [interpreter] }),
    new MachineCore({}, { verify, engines: [jit] }),
    new LinuxMachine(),
  ].map((machine) => {
    let given: T | (() => T)
    try {
      given = work(machine.load(object))
    } finally {
      machine.close()
    }
    return given instanceof Function ? given() : given
  })
  expect(compiled).toEqual(interpreted)
  return [interpreted!, onLinux!]
}

/** What `work` gives, or the kind of error with its number or address. */
export function outcome(work: () => unknown): unknown {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const { name } = error
    if ('errno' in error) return `${name} ${String(error.errno)}`
    if ('address' in error && 'code' in error) return `${name} at ${String(error.address)}, code ${String(error.code)}`
    return `${name}: ${error.message}`
  }
}
