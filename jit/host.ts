/** What the host's WebAssembly can: whether compiled programs run here at all, and how they are compiled best. */
import type { FunctionWriter } from './wasm/function.ts'
import { WasmModule } from './wasm/module.ts'
import { Wasm } from './wasm/opcodes.ts'

/** Whether the host takes a module. */
export type Validate = (bytes: Uint8Array<ArrayBuffer>) => boolean

/** What the compiler needs and not every host has, each with the smallest module that shows it. */
const NEEDS: readonly (readonly [what: string, module: () => WasmModule])[] = [
  ['memories beside each other (multi-memory)', () => probe(false, (w) => load(w, Wasm.I32_LOAD))],
  ['atomic operations (threads)', () => probe(false, (w) => load(w, Wasm.I32_ATOMIC_LOAD))],
  ['shared memories (threads)', () => probe(true, (w) => load(w, Wasm.I32_LOAD))],
]

/** What the host has not that compiled programs need, for people; undefined where it has everything. */
export function hostLacks(validate: Validate | null = hostValidate()): string | undefined {
  if (validate === null) return 'this host has no WebAssembly'
  const lack = NEEDS.find(([, module]) => !validate(module().encode()))
  return lack === undefined ? undefined : `WebAssembly of this host lacks ${lack[0]}`
}

function hostValidate(): Validate | null {
  return typeof WebAssembly === 'undefined' ? null : (bytes) => WebAssembly.validate(bytes)
}

/** A module with two memories and one function. */
function probe(shared: boolean, write: (w: FunctionWriter) => void): WasmModule {
  const module = new WasmModule()
  module.importMemory('m', 'a', shared)
  module.importMemory('m', 'b', shared)
  module.define('f', { params: [], results: [] }, write)
  return module
}

function load(w: FunctionWriter, code: Wasm): void {
  w.i32(0)
  w.access(code, 1, 0, true)
  w.op(Wasm.DROP)
}

/**
 * V8's switches: baseline compiler and lazy compilation off, so that code is as good as it gets from the start. And no
 * look at the stack's end, which V8 takes once a round of a loop as well: programs are eight calls deep at most, a small
 * part of what V8 leaves free below that end, and whatever they call is JavaScript, which looks.
 */
const OPTIMISED = ['liftoff', 'wasm-lazy-compilation', 'wasm-stack-checks']

/**
 * Inlining goes by counts that only baseline code makes, and V8 versions that have it abort without them. The versions
 * of Node 22, 24 and 26 were tried: of all others nothing is known.
 */
const SWITCHES: readonly (readonly [v8: RegExp, switches: readonly string[]])[] = [
  [/^12\.4\./u, OPTIMISED],
  [/^(?:13\.6|14\.\d+)\./u, ['wasm-inlining', ...OPTIMISED]],
]

/** Turns the host's switches off and on again; undefined where it has none, or they are better left alone. */
export type Toggle = (on: boolean) => void

/** What of Node is used, where there is a Node. */
interface NodeProcess {
  readonly versions?: { readonly v8?: string; readonly bun?: string; readonly deno?: string }
  readonly getBuiltinModule?: (name: string) => unknown
}

/** The switches are the process's: in workers they would change under what other threads compile meanwhile. */
export function hostToggle(process: NodeProcess | undefined = Reflect.get(globalThis, 'process')): Toggle | undefined {
  const { v8: version = '', bun, deno } = process?.versions ?? {}
  // Hosts that pass for Node name a V8 that they may not have.
  if (bun !== undefined || deno !== undefined) return undefined
  const switches = SWITCHES.find(([versions]) => versions.test(version))?.[1]
  const v8 = process?.getBuiltinModule?.('node:v8') as { setFlagsFromString(flag: string): void } | undefined
  const threads = process?.getBuiltinModule?.('node:worker_threads') as { isMainThread: boolean } | undefined
  if (switches === undefined || v8 === undefined || threads?.isMainThread !== true) return undefined
  return (on) => {
    // Inlining is the first to go and the last to come back.
    const order = on ? switches.toReversed() : switches
    for (const name of order) v8.setFlagsFromString(on ? `--${name}` : `--no-${name}`)
  }
}

/** Modules of more bytes are compiled as they run: a caller would wait for seconds. */
const MOST_OPTIMISED = 4 * 2 ** 20

/**
 * Compiles a module. V8 does not replace the code of a function that runs, so one long run of a loop would stay in
 * baseline code to its end, two to ten times as slow: where the host lets itself be told, `loops` gives optimised code
 * at once. Without loops nothing is compiled before it is called.
 */
export function compileModule(
  bytes: Uint8Array<ArrayBuffer>,
  loops: boolean,
  toggle: Toggle | undefined = loops ? hostToggle() : undefined,
): WebAssembly.Module {
  if (!loops || toggle === undefined || bytes.length > MOST_OPTIMISED) return new WebAssembly.Module(bytes)
  toggle(false)
  try {
    return new WebAssembly.Module(bytes)
  } finally {
    toggle(true)
  }
}
