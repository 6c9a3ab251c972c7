/**
 * A WebAssembly module in the making, and its binary form (core specification 2.0, chapter 5).
 *
 *     imports: memories, functions     |  indices of functions count imported ones first, so all imports come
 *     functions, globals, exports      |  before the first function of the module's own
 */
import { InternalError } from '../../errors/errors.ts'
import { Bytes } from './bytes.ts'
import { type FunctionBody, FunctionWriter, type Signature } from './function.ts'
import { I32, type ValueType, Wasm } from './opcodes.ts'

const SECTION = { CUSTOM: 0, TYPE: 1, IMPORT: 2, FUNCTION: 3, GLOBAL: 6, EXPORT: 7, CODE: 10 } as const
export const EXTERNAL = { FUNCTION: 0, MEMORY: 2, GLOBAL: 3 } as const

/** Pages of a memory at its start, and at most: 4 GiB. */
export const MIN_PAGES = 65_536
export const MAX_PAGES = 65_536

export interface ModuleImport {
  readonly module: string
  readonly name: string
  readonly kind: 'memory' | 'function'
  readonly type: number
  readonly shared: boolean
}

export interface ModuleGlobal {
  readonly name: string
  readonly type: ValueType
}

export interface ModuleExport {
  readonly name: string
  readonly kind: number
  readonly index: number
}

/** A function of the module's own; its body comes when it is known. */
export interface ModuleFunction {
  readonly name: string
  readonly index: number
  readonly type: number
  readonly signature: Signature
  body: FunctionBody | undefined
}

export class WasmModule {
  readonly types: Signature[] = []
  readonly imports: ModuleImport[] = []
  readonly functions: ModuleFunction[] = []
  readonly globals: ModuleGlobal[] = []
  readonly exports: ModuleExport[] = []
  readonly #typeAt: Map<string, number> = new Map()
  #imported = 0
  #memories = 0

  /** Gives the memory's index. */
  importMemory(module: string, name: string, shared: boolean): number {
    this.imports.push({ module, name, kind: 'memory', type: 0, shared })
    return this.#memories++
  }

  /** Gives the function's index. */
  importFunction(module: string, name: string, signature: Signature): number {
    if (this.functions.length > 0) throw new InternalError(`import ${name} comes behind the module's own functions`)
    this.imports.push({ module, name, kind: 'function', type: this.#type(signature), shared: false })
    return this.#imported++
  }

  /** Reserves an index, so that functions can call one another. */
  declare(name: string, signature: Signature): ModuleFunction {
    const made: ModuleFunction = {
      name,
      index: this.#imported + this.functions.length,
      type: this.#type(signature),
      signature,
      body: undefined,
    }
    this.functions.push(made)
    return made
  }

  /** Declares a function and writes it. */
  define(name: string, signature: Signature, write: (writer: FunctionWriter) => void): ModuleFunction {
    const made = this.declare(name, signature)
    const writer = new FunctionWriter(signature)
    write(writer)
    made.body = writer.finish()
    return made
  }

  /** A mutable global, 0 at first. */
  global(name: string, type: ValueType): number {
    this.globals.push({ name, type })
    return this.globals.length - 1
  }

  exportFunction(name: string, { index }: ModuleFunction): void {
    this.exports.push({ name, kind: EXTERNAL.FUNCTION, index })
  }

  exportGlobal(name: string, index: number): void {
    this.exports.push({ name, kind: EXTERNAL.GLOBAL, index })
  }

  /** The exported functions' names by index. */
  exportNames(): ReadonlyMap<number, string> {
    return new Map(
      this.exports.filter(({ kind }) => kind === EXTERNAL.FUNCTION).map(({ name, index }) => [index, name]),
    )
  }

  /** The name of the function with this index. */
  functionName(index: number): string {
    if (index >= this.#imported) return this.functions[index - this.#imported]!.name
    return this.imports.filter(({ kind }) => kind === 'function')[index]!.name
  }

  /** The binary form. */
  encode(): Uint8Array<ArrayBuffer> {
    const out = new Bytes()
    out.raw(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0))
    section(out, SECTION.TYPE, this.types, writeType)
    section(out, SECTION.IMPORT, this.imports, writeImport)
    section(out, SECTION.FUNCTION, this.functions, (bytes, { type }) => bytes.u32(type))
    section(out, SECTION.GLOBAL, this.globals, writeGlobal)
    section(out, SECTION.EXPORT, this.exports, (bytes, { name, kind, index }) => {
      bytes.name(name)
      bytes.u8(kind)
      bytes.u32(index)
    })
    this.#writeHints(out)
    section(out, SECTION.CODE, this.functions, (bytes, { name, body }) => {
      if (body === undefined) throw new InternalError(`function ${name} was never written`)
      bytes.sized(body.bytes)
    })
    this.#writeNames(out)
    return out.view()
  }

  #type(signature: Signature): number {
    const key = `${signature.params.join()}:${signature.results.join()}`
    const found = this.#typeAt.get(key)
    if (found !== undefined) return found
    this.types.push(signature)
    this.#typeAt.set(key, this.types.length - 1)
    return this.types.length - 1
  }

  /** Which branches are rarely taken (the branch hinting proposal); hosts that do not know it skip the section. */
  #writeHints(out: Bytes): void {
    const hinted = this.functions.filter(({ body }) => (body?.hints.length ?? 0) > 0)
    if (hinted.length === 0) return
    custom(out, 'metadata.code.branch_hint', (bytes) => {
      bytes.u32(hinted.length)
      for (const { index, body } of hinted) {
        bytes.u32(index)
        bytes.u32(body!.hints.length)
        for (const { offset, likely } of body!.hints) {
          bytes.u32(body!.start + offset)
          bytes.u32(1)
          bytes.u8(likely ? 1 : 0)
        }
      }
    })
  }

  /** Names of the functions, which profilers show. */
  #writeNames(out: Bytes): void {
    custom(out, 'name', (bytes) => {
      const names = new Bytes()
      names.u32(this.functions.length)
      for (const { name, index } of this.functions) {
        names.u32(index)
        names.name(name)
      }
      bytes.u8(1)
      bytes.sized(names.view())
    })
  }
}

function section<T>(out: Bytes, id: number, items: readonly T[], write: (bytes: Bytes, item: T) => void): void {
  if (items.length === 0) return
  const bytes = new Bytes()
  bytes.u32(items.length)
  for (const item of items) write(bytes, item)
  out.u8(id)
  out.sized(bytes.view())
}

function custom(out: Bytes, name: string, write: (bytes: Bytes) => void): void {
  const bytes = new Bytes()
  bytes.name(name)
  write(bytes)
  out.u8(SECTION.CUSTOM)
  out.sized(bytes.view())
}

function writeType(bytes: Bytes, { params, results }: Signature): void {
  bytes.u8(0x60)
  bytes.sized(Uint8Array.from(params))
  bytes.sized(Uint8Array.from(results))
}

function writeImport(bytes: Bytes, item: ModuleImport): void {
  bytes.name(item.module)
  bytes.name(item.name)
  if (item.kind === 'function') {
    bytes.u8(EXTERNAL.FUNCTION)
    bytes.u32(item.type)
    return
  }
  bytes.u8(EXTERNAL.MEMORY)
  // Bit 0: there is a maximum. Bit 1: shared.
  bytes.u8(item.shared ? 3 : 1)
  bytes.u32(MIN_PAGES)
  bytes.u32(MAX_PAGES)
}

function writeGlobal(bytes: Bytes, { type }: ModuleGlobal): void {
  bytes.u8(type)
  bytes.u8(1)
  bytes.u8(type === I32 ? Wasm.I32_CONST : Wasm.I64_CONST)
  bytes.u8(0)
  bytes.u8(Wasm.END)
}
