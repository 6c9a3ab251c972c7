/**
 * A compiled program as text: WebAssembly's text format, flat, made from the binary form. Above what an instruction of
 * the program became stand its slot, its text and its source line; every access names its memory.
 *
 *     (func $main (;12;) (param $frame i32) (param $r1 i64) (result i64) (local $r2 i64)
 *       ;; 0: r2 = *(u64 *)(r1 + 8)    ; list.bpf.s:12: r2 = *(u64 *)(r1 + item.next)
 *       local.get $r1
 *       i32.wrap_i64
 *       …
 */
import { llvmText } from '../isa/disasm-llvm.ts'
import { referenceTarget } from '../isa/flow.ts'
import { Kind } from '../isa/table.ts'
import { toBigUint } from '../memory/int64.ts'
import { helperById } from '../program/helpers.ts'
import { kfuncById } from '../program/kfuncs.ts'
import type { LoadableProgram } from '../program/loadable.ts'
import { type Decoded, decodeBody } from './wasm/decode.ts'
import type { FunctionBody, Signature } from './wasm/function.ts'
import { EXTERNAL, MAX_PAGES, MIN_PAGES, type ModuleFunction, type WasmModule } from './wasm/module.ts'
import { I64, type ValueType, VOID, Wasm } from './wasm/opcodes.ts'

/** Column at which source lines start. */
const SOURCE_COLUMN = 56

/** The module that a program became; ends in a line feed. */
export function moduleText(module: WasmModule, program: LoadableProgram): string {
  const names = new ModuleNames(module)
  const lines = [`;; program ${program.name}, ${program.type}, ${program.insns.length} instructions`, '(module']
  for (const line of importLines(module, names)) lines.push(`  ${line}`)
  module.globals.forEach(({ type }, index) => {
    lines.push(`  (global ${names.global(index)} (;${index};) (mut ${typeName(type)}) (${typeName(type)}.const 0))`)
  })
  for (const { name, kind, index } of module.exports) {
    const what = kind === EXTERNAL.FUNCTION ? `func ${names.function(index)}` : `global ${names.global(index)}`
    lines.push(`  (export "${name}" (${what}))`)
  }
  const about = new Comments(program)
  for (const made of module.functions) {
    lines.push('')
    functionLines(made, names, about, lines)
  }
  lines.push(')', '')
  return lines.join('\n')
}

function importLines(module: WasmModule, names: ModuleNames): readonly string[] {
  let functions = 0
  let memories = 0
  return module.imports.map((item) => {
    const from = `(import "${item.module}" "${item.name}"`
    if (item.kind === 'memory') {
      const shared = item.shared ? ' shared' : ''
      return `${from} (memory ${names.memory(memories)} (;${memories++};) ${MIN_PAGES} ${MAX_PAGES}${shared}))`
    }
    const signature = signatureText(module.types[item.type]!, () => '')
    return `${from} (func ${names.function(functions)} (;${functions++};)${signature}))`
  })
}

function functionLines(made: ModuleFunction, names: ModuleNames, about: Comments, lines: string[]): void {
  const { body, signature, index } = made
  if (body === undefined) return
  const locals = new LocalNames(body.names)
  const code: string[] = []
  const declared = decodeBody(body.bytes, codeWriter(body, names, locals, about, code))
  const first = signature.params.length
  const variables = declared.map((type, n) => ` (local ${locals.id(first + n)} ${typeName(type)})`).join('')
  lines.push(
    `  (func ${names.function(index)} (;${index};)${signatureText(signature, (index) => `${locals.id(index)} `)}`,
    ...(variables === '' ? [] : [`   ${variables}`]),
    ...code,
    '  )',
  )
}

/** Writes each instruction that it is given, with what is known of the place in front of it. */
function codeWriter(
  body: FunctionBody,
  names: ModuleNames,
  locals: LocalNames,
  about: Comments,
  lines: string[],
): (instruction: Decoded) => void {
  const notes = new Map(body.notes.map(({ offset, slot }) => [offset, slot]))
  const hints = new Map(body.hints.map(({ offset, likely }) => [offset, likely]))
  /** Labels of the constructs that are open. */
  const open: string[] = []
  let labels = 0
  const text = (instruction: Decoded): string => {
    const { code, row, immediates } = instruction
    if (row.immediate === 'block') {
      open.push(`$${code === Wasm.LOOP ? 'loop' : 'out'}${labels++}`)
      return `${row.name} ${open.at(-1)}${immediates[0] === VOID ? '' : ` (result ${typeName(immediates[0] as ValueType)})`}`
    }
    return [row.name, ...operands(instruction, names, locals, (depth) => open.at(-1 - depth) ?? `${depth}`)].join(' ')
  }
  return (instruction) => {
    const { code, offset } = instruction
    const slot = notes.get(offset)
    if (code === Wasm.END) {
      // The function's own is the parenthesis.
      if (open.pop() === undefined) return
    }
    const indent = ' '.repeat(4 + 2 * (code === Wasm.ELSE ? open.length - 1 : open.length))
    if (slot !== undefined) lines.push(`${indent};; ${about.slot(slot, indent.length)}`)
    const likely = hints.get(offset)
    const hint = likely === undefined ? '' : ` ;; ${likely ? 'likely' : 'unlikely'}`
    lines.push(`${indent}${text(instruction)}${hint}`)
  }
}

function operands(
  { row, immediates }: Decoded,
  names: ModuleNames,
  locals: LocalNames,
  label: (depth: number) => string,
): readonly string[] {
  switch (row.immediate) {
    case 'label':
    case 'label-table':
      return immediates.map(label)
    case 'function':
      return immediates.map((index) => names.function(index))
    case 'local':
      return immediates.map((index) => locals.id(index))
    case 'global':
      return immediates.map((index) => names.global(index))
    case 'memory': {
      const [align, memory, offset] = immediates as [number, number, number]
      const moved = offset === 0 ? [] : [`offset=${offset}`]
      return [names.memory(memory), ...moved, ...(2 ** align === row.bytes ? [] : [`align=${2 ** align}`])]
    }
    case 'copy':
    case 'fill':
      return immediates.map((index) => names.memory(index))
    case 'i64':
      return [`${BigInt.asIntN(64, toBigUint(immediates[0]!, immediates[1]!))}`]
    case 'i32':
    case 'indirect':
      return immediates.map(String)
    case 'fence':
    case 'none':
    case 'block':
      return []
    default:
      return row.immediate satisfies never
  }
}

/** `id` gives what stands in front of a parameter's type. */
function signatureText({ params, results }: Signature, id: (index: number) => string): string {
  const taken = params.map((type, index) => ` (param ${id(index)}${typeName(type)})`)
  return [...taken, ...results.map((type) => ` (result ${typeName(type)})`)].join('')
}

function typeName(type: ValueType): string {
  return type === I64 ? 'i64' : 'i32'
}

/** Identifiers: each once, made of characters that the format takes. */
class Identifiers {
  readonly #taken: Set<string> = new Set()

  make(name: string): string {
    const plain = `$${name.replace(/[^\w.-]/gu, '_')}`
    let id = plain
    for (let n = 2; this.#taken.has(id); n++) id = `${plain}.${n}`
    this.#taken.add(id)
    return id
  }
}

class ModuleNames {
  readonly #functions: readonly string[]
  readonly #globals: readonly string[]
  readonly #memories: readonly string[]

  constructor({ imports, functions, globals }: WasmModule) {
    const ids = new Identifiers()
    const imported = imports.filter(({ kind }) => kind === 'function')
    this.#functions = [
      ...imported.map(({ module, name }) => ids.make(importName(module, name))),
      ...functions.map(({ name }) => ids.make(name)),
    ]
    const globalIds = new Identifiers()
    this.#globals = globals.map(({ name }) => globalIds.make(name))
    const memoryIds = new Identifiers()
    this.#memories = imports.filter(({ kind }) => kind === 'memory').map(({ name }) => memoryIds.make(name))
  }

  function(index: number): string {
    return this.#functions[index] ?? `${index}`
  }

  global(index: number): string {
    return this.#globals[index] ?? `${index}`
  }

  memory(index: number): string {
    return this.#memories[index] ?? `${index}`
  }
}

/** Natives are imported by number. */
function importName(module: string, name: string): string {
  if (module === 'helper') return helperById(Number(name))?.name ?? `helper.${name}`
  if (module === 'kfunc') return kfuncById(Number(name))?.name ?? `kfunc.${name}`
  return `${module}.${name}`
}

class LocalNames {
  readonly #names: ReadonlyMap<number, string>
  readonly #made: Map<number, string> = new Map()
  readonly #ids = new Identifiers()

  constructor(names: ReadonlyMap<number, string>) {
    this.#names = names
  }

  /** Those without a name have a number. */
  id(index: number): string {
    const found = this.#made.get(index)
    if (found !== undefined) return found
    const made = this.#ids.make(this.#names.get(index) ?? `l${index}`)
    this.#made.set(index, made)
    return made
  }
}

/** An instruction with the names that it stands for; numbers where there are none. */
function namedText({ insns, bindings, subprograms }: LoadableProgram, slot: number): string {
  const insn = insns[slot]!
  const binding = bindings.get(slot)
  switch (binding?.kind) {
    case 'map':
      return `r${insn.dst} = ${binding.map.name} ll`
    case 'map-value':
      return `r${insn.dst} = ${binding.map.name} + ${binding.offset} ll`
    case 'alloc':
      return `r${insn.dst} = ${binding.alloc.name} ll`
    case 'kfunc':
      return `call ${binding.prototype.name}`
    default:
  }
  if (insn.row.kind === Kind.CALL_HELPER) return `call ${helperById(insn.imm)?.name ?? insn.imm}`
  const callee = referenceTarget(insn, slot)
  const name = subprograms.find(({ start }) => start === callee)?.name
  return name !== undefined && insn.row.kind === Kind.CALL_LOCAL ? `call ${name}` : llvmText(insn)
}

/** What stands above the code of an instruction. */
class Comments {
  readonly #program: LoadableProgram
  readonly #lines: ReadonlyMap<number, string>

  constructor(program: LoadableProgram) {
    this.#program = program
    this.#lines = new Map(
      program.lines.map(({ slot, file, line, text }) => [
        slot as number,
        `${file}:${line}: ${text.trim().replace(/\s+/gu, ' ')}`,
      ]),
    )
  }

  slot(slot: number, indent: number): string {
    const text = `${slot}: ${namedText(this.#program, slot)}`
    const line = this.#lines.get(slot)
    return line === undefined ? text : `${text.padEnd(SOURCE_COLUMN - indent)} ; ${line}`
  }
}
