/** For tests: modules in the eyes of wabt, which shares no code with the compiler or with the host. */
import wabt from 'wabt'

/** wabt's own declarations know neither of memories beside each other nor of what `validate` takes. */
interface Wabt {
  readWasm(bytes: Uint8Array, options: Record<string, boolean>): WabtModule
  parseWat(file: string, text: string, features: Record<string, boolean>): WabtModule
}
interface WabtModule {
  validate(features: Record<string, boolean>): void
  toBinary(options: { write_debug_names: boolean }): { readonly buffer: Uint8Array }
  destroy(): void
}

const READY: Promise<Wabt> = wabt() as Promise<unknown> as Promise<Wabt>

const FEATURES: Record<string, boolean> = {
  multi_memory: true,
  threads: true,
  multi_value: true,
  bulk_memory: true,
  sign_extension: true,
  mutable_globals: true,
}

/** Throws for bytes that are no valid module. */
export async function readModule(bytes: Uint8Array): Promise<void> {
  const { readWasm } = await READY
  // It reads all of the buffer that a view is of.
  const module = readWasm(bytes.slice(), { ...FEATURES, readDebugNames: true })
  try {
    module.validate(FEATURES)
  } finally {
    module.destroy()
  }
}

/** The binary form of a text. Throws for a text that is none of a valid module. */
export async function readText(text: string): Promise<Uint8Array> {
  const { parseWat } = await READY
  const module = parseWat('text.wat', text, FEATURES)
  try {
    module.validate(FEATURES)
    return module.toBinary({ write_debug_names: false }).buffer
  } finally {
    module.destroy()
  }
}

/** The sections of a binary module by number, custom ones left out. */
export function sections(bytes: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const HEADER = 8
  const found = new Map<number, Uint8Array>()
  for (let at = HEADER; at < bytes.length; ) {
    const id = bytes[at++]!
    let size = 0
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]!
      size |= (byte & 0x7f) << shift
      if (byte < 0x80) break
    }
    if (id !== 0) found.set(id, bytes.slice(at, at + size))
    at += size
  }
  return found
}
