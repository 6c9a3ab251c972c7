/** From a statement's syntax to an instruction: picks the row, checks operands, leaves unknown names to fixups. */
import { build, decode, encode, type Instruction, makeInstruction, secondHalf } from '../isa/instruction.ts'
import { ALU_SIGN, ATOMIC_NAME, END_NAME, JUMP_SIGN } from '../isa/notation.ts'
import { SLOT_BYTES } from '../isa/opcode.ts'
import { Kind, Op, type Row, rowNamed, Operand as Source, TABLE } from '../isa/table.ts'
import type { Body, Fixup, Place } from './body.ts'
import { type Expression, evaluateKnown, evaluateSum, type Lookup } from './expression.ts'
import { quote, StatementError } from './statement-error.ts'
import type { InstructionSyntax, MemoryOperand, Operand, RegisterOperand } from './syntax.ts'

/** Rows by how they are written: `+= 64 reg`, `== 32 imm`, `lock += u64`, `atomic_fetch_add u64`, `swap be16`. */
const ROWS: ReadonlyMap<string, Row> = spellings()

function spellings(): Map<string, Row> {
  const rows = new Map<string, Row>()
  for (const row of TABLE) {
    const operand = row.operand === Source.REG ? 'reg' : 'imm'
    if (row.kind === Kind.ALU) rows.set(`${ALU_SIGN[row.op]} ${row.width} ${operand}`, row)
    if (row.kind === Kind.JCOND) rows.set(`${JUMP_SIGN[row.op]} ${row.width} ${operand}`, row)
    if (row.kind === Kind.MOV) rows.set(`= ${row.width} ${operand}`, row)
    if (row.kind === Kind.NEG) rows.set(`- ${row.width}`, row)
    if (row.kind === Kind.MOVSX) rows.set(`(s${row.memWidth}) ${row.width}`, row)
    if (row.kind === Kind.END) rows.set(`swap ${END_NAME[row.op]}${row.memWidth}`, row)
    if (row.kind === Kind.ATOMIC) rows.set(atomicSpelling(row), row)
    if (row.kind === Kind.LDX) rows.set(`load u${row.memWidth}`, row)
    if (row.kind === Kind.LDXSX) rows.set(`load s${row.memWidth}`, row)
    if (row.kind === Kind.ST) rows.set(`store u${row.memWidth} imm`, row)
    if (row.kind === Kind.STX) rows.set(`store u${row.memWidth} reg`, row)
    if (row.kind === Kind.LD_ABS) rows.set(`skb u${row.memWidth} imm`, row)
    if (row.kind === Kind.LD_IND) rows.set(`skb u${row.memWidth} reg`, row)
    if (row.kind === Kind.LOAD_ACQUIRE) rows.set(`load_acquire u${row.memWidth}`, row)
    if (row.kind === Kind.STORE_RELEASE) rows.set(`store_release u${row.memWidth}`, row)
  }
  return rows
}

function atomicSpelling(row: Row): string {
  const type = `u${row.memWidth}`
  if (row.op === Op.XCHG) return `xchg ${type}`
  if (row.op === Op.CMPXCHG) return `cmpxchg ${type}`
  return row.fetch ? `atomic_fetch_${ATOMIC_NAME[row.op]} ${type}` : `lock ${ALU_SIGN[row.op]} ${type}`
}

const LD_IMM64 = rowNamed('ld_imm64')
const GOTO = rowNamed('goto')
const GOTOL = rowNamed('gotol')
const MAY_GOTO = rowNamed('may_goto')
const CALL_HELPER = rowNamed('call_helper')
const CALL_LOCAL = rowNamed('call_local')
const CALL_KFUNC = rowNamed('call_kfunc')
const CALLX = rowNamed('callx')
const EXIT = rowNamed('exit')
const CAST_KERN = rowNamed('cast_kern')

/** Appends the instruction of one statement to `body`. Nothing is appended when it throws. */
export function lower(syntax: InstructionSyntax, body: Body, place: Place, lookup: Lookup): void {
  const fixups: Fixup[] = []
  const slot = body.insns.length
  const context: Context = { slot, place, lookup, fixups }
  // May throw: only then is anything appended, so that a bad statement leaves no half of itself.
  const insn = instruction(syntax, context)
  body.insns.push(insn)
  if (insn.row.kind === Kind.LD_IMM64) body.insns.push(secondHalf(insn.imm2))
  for (const fixup of fixups) body.fixups.push(fixup)
}

/** What the lowering of one statement needs. */
interface Context {
  readonly slot: number
  readonly place: Place
  readonly lookup: Lookup
  readonly fixups: Fixup[]
}

/** By kind; memory accesses are in a function of their own. */
function instruction(syntax: InstructionSyntax, context: Context): Instruction {
  switch (syntax.kind) {
    case 'move':
      return twoOperands('=', widened(syntax.dst, syntax.value), syntax.value, context)
    case 'alu':
      return twoOperands(syntax.sign.replace(/\s/g, ''), syntax.dst, syntax.value, context)
    case 'wide':
      requireWide(syntax.dst)
      return wide(syntax.dst, syntax.value, context)
    case 'negate':
      requireSame(syntax.dst, syntax.src, 'negation')
      return build(spelled(`- ${syntax.dst.width}`), { dst: syntax.dst.number })
    case 'swap':
      requireWide(syntax.dst)
      requireSame(syntax.dst, syntax.src, 'a byte swap')
      return build(spelled(`swap ${syntax.name.toLowerCase()}`), { dst: syntax.dst.number })
    case 'extend': {
      requireEqualWidth(syntax.dst, syntax.src)
      const row = ROWS.get(`(${syntax.type}) ${syntax.dst.width}`)
      if (row === undefined)
        throw new StatementError(syntax.dst.at, `(${syntax.type}) cannot extend to ${syntax.dst.width} bits`)
      return build(row, { dst: syntax.dst.number, src: syntax.src.number })
    }
    case 'cast':
      return cast(syntax, context)
    case 'ld-pseudo':
      return loadPseudo(syntax, context)
    case 'jump':
      return jump(syntax.name.toLowerCase(), syntax.target, context)
    case 'branch': {
      const { left, right } = syntax
      const insn = twoOperands(syntax.sign.replace(/\s/g, ''), left, right, context)
      return jumpTo(insn, syntax.target, context)
    }
    case 'call':
      return call(syntax.target, context)
    case 'call-kfunc': {
      const imm = constantImmediate(syntax.id, context)
      const off = syntax.off === undefined ? 0 : constantOffset(syntax.off, context)
      return build(CALL_KFUNC, { imm, off })
    }
    case 'callx':
      requireWide(syntax.target)
      return build(CALLX, { dst: syntax.target.number })
    case 'exit':
      return build(EXIT)
    default:
      return memoryInstruction(syntax, context)
  }
}

/** Whatever names a place in memory or in a packet. */
type MemorySyntax = Extract<
  InstructionSyntax,
  { kind: 'load' | 'acquire' | 'packet' | 'store' | 'release' | 'atomic' | 'fetch' }
>

function memoryInstruction(syntax: MemorySyntax, context: Context): Instruction {
  switch (syntax.kind) {
    case 'load':
    case 'acquire': {
      const { dst, memory } = syntax
      const row = memoryRow(syntax.kind === 'load' ? 'load' : 'load_acquire', memory.type, '', memory.at)
      requireFits(dst, memory.type)
      return build(row, { dst: dst.number, src: base(memory), off: offset(memory, context) })
    }
    case 'packet': {
      const { dst, index } = syntax
      if (dst.number !== 0 || dst.width !== 64) throw new StatementError(dst.at, 'packet loads give their value in r0')
      const row = memoryRow('skb', syntax.type, index.kind === 'register' ? ' reg' : ' imm', syntax.at)
      if (index.kind !== 'register') return build(row, { imm: constantImmediate(index, context) })
      requireWide(index)
      const imm = syntax.offset === undefined ? 0 : constantImmediate(syntax.offset, context)
      return build(row, { src: index.number, imm })
    }
    case 'store': {
      const { memory, value } = syntax
      const row = memoryRow('store', memory.type, value.kind === 'register' ? ' reg' : ' imm', memory.at)
      const dst = base(memory)
      const off = offset(memory, context)
      if (value.kind !== 'register') return build(row, { dst, off, imm: immediate(value, context) })
      requireFits(value, memory.type)
      return build(row, { dst, off, src: value.number })
    }
    case 'release': {
      const { memory, src } = syntax
      const row = memoryRow('store_release', memory.type, '', memory.at)
      requireFits(src, memory.type)
      return build(row, { dst: base(memory), off: offset(memory, context), src: src.number })
    }
    case 'atomic': {
      const { memory, src } = syntax
      const row = memoryRow(`lock ${syntax.sign.replace(/\s/g, '')}`, memory.type, '', syntax.at)
      requireFits(src, memory.type)
      return build(row, { dst: base(memory), off: offset(memory, context), src: src.number })
    }
    case 'fetch':
      return fetch(syntax, context)
    default:
      return syntax satisfies never
  }
}

/** A row that exists for every operand the grammar lets through. */
function spelled(spelling: string): Row {
  return ROWS.get(spelling)!
}

/** The row of an access; not every type goes with each. `what` as in ROWS. */
function memoryRow(what: string, type: string, suffix: string, at: number): Row {
  const row = ROWS.get(`${what} ${type}${suffix}`)
  if (row !== undefined) return row
  // What the same form could be written with: most who come by here mistook the type.
  const types = ['u8', 'u16', 'u32', 'u64', 's8', 's16', 's32'].filter((other) => ROWS.has(`${what} ${other}${suffix}`))
  if (types.length > 0) {
    throw new StatementError(at, `no such access has the type ${type}`, { hint: `possible are ${types.join(', ')}` })
  }
  throw new StatementError(at, `there is no atomic '${what.slice(5)}'`, { hint: "possible are '+=', '&=', '|=', '^='" })
}

/** `dst SIGN value`, the value a register of the same width or an immediate. */
function twoOperands(sign: string, dst: RegisterOperand, value: Operand, context: Context): Instruction {
  if (value.kind === 'register') {
    requireEqualWidth(dst, value)
    return build(spelled(`${sign} ${dst.width} reg`), { dst: dst.number, src: value.number })
  }
  const row = spelled(`${sign} ${dst.width} imm`)
  return build(row, { dst: dst.number, imm: immediate(value, context) })
}

/** clang 19 prints a 32-bit move whose result is used as 64 bits as `r1 = w0`, and encodes `w1 = w0`. */
function widened(dst: RegisterOperand, value: Operand): RegisterOperand {
  return value.kind === 'register' && value.width === 32 ? { ...dst, width: 32 } : dst
}

/** The base register of an access: addresses have 64 bits. */
function base(memory: MemoryOperand): number {
  requireWide(memory.base)
  return memory.base.number
}

/** A 16-bit offset; a name that is not known yet leaves 0 and a fixup. */
function offset(memory: MemoryOperand, context: Context): number {
  const { offset: expression } = memory
  if (expression === undefined) return 0
  const value = evaluateKnown(expression, context.lookup)
  if (value !== undefined) return checkOffset(value, expression.at)
  context.fixups.push({ kind: 'off', slot: context.slot, place: context.place, at: expression.at, value: expression })
  return 0
}

/** @throws StatementError when `value` is no s16 */
export function checkOffset(value: bigint, at: number): number {
  if (value >= -0x8000n && value <= 0x7fffn) return Number(value)
  throw new StatementError(at, `offset ${value} does not fit in 16 bits`, {
    hint: 'offsets are -32768 to 32767; add the rest to the register first',
  })
}

/** A 32-bit immediate; a name that is not known yet leaves 0 and a fixup. */
function immediate(expression: Expression, context: Context): number {
  const value = evaluateKnown(expression, context.lookup)
  if (value !== undefined) return checkImmediate(value, expression.at)
  context.fixups.push({ kind: 'imm', slot: context.slot, place: context.place, at: expression.at, value: expression })
  return 0
}

/** As llvm-mc, numbers of 32 bits are taken signed or unsigned; wider ones, which it cuts, are refused. */
export function checkImmediate(value: bigint, at: number): number {
  // Numbers from 2^63 on are negative to 64-bit arithmetic, and may fit as such: 0xffffffffffffffff is -1.
  const signed = BigInt.asIntN(64, value)
  if (signed >= -0x80000000n && signed <= 0xffffffffn) return Number(BigInt.asIntN(32, signed))
  throw new StatementError(at, `immediate ${value} does not fit in 32 bits`, {
    hint: "'r1 = VALUE ll' loads 64 bits",
  })
}

/** Raw slots, eight bytes each, as the disassembler writes what is no instruction. */
export function lowerRaw(values: readonly Expression[], body: Body, lookup: Lookup): void {
  const context = { lookup }
  const bytes = new Uint8Array(values.length * SLOT_BYTES)
  const view = new DataView(bytes.buffer)
  values.forEach((value, i) => {
    view.setBigUint64(i * SLOT_BYTES, BigInt.asUintN(64, constant(value, context)), true)
  })
  // Slot by slot: what two of them mean together is seen when the body is complete.
  for (let at = 0; at < bytes.length; at += SLOT_BYTES) {
    body.insns.push(decode(bytes.subarray(at, at + SLOT_BYTES))[0]!)
  }
  body.raw = true
}

/** A number that must be known at once. */
function constant(expression: Expression, context: Pick<Context, 'lookup'>): bigint {
  const { symbol, addend } = evaluateSum(expression, context.lookup)
  if (symbol === undefined) return addend
  throw new StatementError(symbol.at, `${quote(symbol.name)} is not a number that is known here`, {
    unknown: symbol.name,
  })
}

function constantImmediate(expression: Expression, context: Context): number {
  return checkImmediate(constant(expression, context), expression.at)
}

function constantOffset(expression: Expression, context: Context): number {
  return checkOffset(constant(expression, context), expression.at)
}

/** `r1 = VALUE ll`; what a name stands for is seen at the end. */
function wide(dst: RegisterOperand, value: Expression, context: Context): Instruction {
  const known = evaluateKnown(value, context.lookup)
  if (known !== undefined) return wideNumber(dst.number, known)
  context.fixups.push({ kind: 'wide', slot: context.slot, place: context.place, at: value.at, value })
  return build(LD_IMM64, { dst: dst.number })
}

/** LD_IMM64 of a plain number. */
export function wideNumber(dst: number, value: bigint): Instruction {
  return build(LD_IMM64, { dst, imm: Number(BigInt.asIntN(32, value)), imm2: Number(BigInt.asIntN(32, value >> 32n)) })
}

/** Any source number; as the decoder sees it, so that those without a meaning stay what they are. */
function loadPseudo(syntax: InstructionSyntax & { kind: 'ld-pseudo' }, context: Context): Instruction {
  requireWide(syntax.dst)
  // Known at once: the source number decides which instruction this is.
  const src = constant(syntax.source, context)
  if (src < 0n || src > 15n) throw new StatementError(syntax.source.at, `source ${src} does not fit in 4 bits`)
  const value = constant(syntax.value, context)
  // A number of 32 bits, signed or not, leaves the upper half zero, as in llvm-mc.
  const narrow = value >= -0x80000000n && value <= 0xffffffffn
  const imm = Number(BigInt.asIntN(32, value))
  const imm2 = narrow ? 0 : Number(BigInt.asIntN(32, value >> 32n))
  const insn = makeInstruction(LD_IMM64, syntax.dst.number, Number(src), 0, imm, imm2)
  return decode(encode([insn, secondHalf(imm2)]))[0]!
}

/** Address spaces that have no meaning are taken as well: the verifier refuses them. */
function cast(syntax: InstructionSyntax & { kind: 'cast' }, context: Context): Instruction {
  requireWide(syntax.dst)
  requireWide(syntax.src)
  const spaces = [syntax.to, syntax.from].map((expression) => {
    const value = constant(expression, context)
    if (value >= 0n && value <= 0xffffn) return Number(value)
    throw new StatementError(expression.at, `address space ${value} does not fit in 16 bits`)
  })
  const imm = (spaces[0]! << 16) | spaces[1]!
  const insn = makeInstruction(CAST_KERN, syntax.dst.number, syntax.src.number, 1, imm)
  return decode(encode([insn]))[0]!
}

/** Operations that give back the old value: its register is fixed by the others. */
function fetch(syntax: InstructionSyntax & { kind: 'fetch' }, context: Context): Instruction {
  const { dst, src, old, memory } = syntax
  // The spellings carry the width twice, in the name and in the type; the table has it once.
  const name = syntax.name.toLowerCase().replace(/(chg)(32)?_\d+$/, '$1')
  const row = memoryRow(name, memory.type, '', syntax.at)
  const width = row.memWidth === 64 ? 64 : 32
  for (const register of [dst, src, old]) {
    if (register !== undefined && register.width !== width) {
      throw new StatementError(register.at, `${syntax.name} on ${memory.type} takes ${width}-bit registers`, {
        hint: `write ${width === 64 ? 'r' : 'w'}${register.number}`,
      })
    }
  }
  if (old !== undefined) {
    for (const register of [dst, old]) {
      if (register.number !== 0) throw new StatementError(register.at, `${syntax.name} compares with r0 and gives r0`)
    }
  } else if (dst.number !== src.number) {
    throw new StatementError(dst.at, `${syntax.name} gives the old value in the register it takes`, {
      hint: `write ${width === 64 ? 'r' : 'w'}${src.number} on both sides`,
    })
  }
  return build(row, { dst: base(memory), off: offset(memory, context), src: src.number })
}

function jump(name: string, target: Expression, context: Context): Instruction {
  const row = name === 'goto' ? GOTO : name === 'gotol' ? GOTOL : MAY_GOTO
  return jumpTo(build(row), target, context)
}

/** Sets a jump's displacement, or leaves it to the label's fixup. */
function jumpTo(insn: Instruction, target: Expression, context: Context): Instruction {
  if (target.kind === 'name') {
    const known = context.lookup(target.name, target.at)
    if (known === undefined) {
      const { slot, place } = context
      context.fixups.push({ kind: 'jump', slot, place, at: target.at, name: target.name })
      return insn
    }
  }
  const distance = constant(target, context)
  // Only gotol has its distance in the immediate; all others have 16 bits of offset.
  const long = insn.row === GOTOL
  if (long && distance >= -0x80000000n && distance <= 0x7fffffffn) return build(GOTOL, { imm: Number(distance) })
  if (long || distance < -0x8000n || distance > 0x7fffn) {
    throw new StatementError(target.at, `displacement ${distance} does not fit in ${long ? 32 : 16} bits`, {
      ...(insn.row === GOTO ? { hint: "'gotol' takes 32 bits" } : {}),
    })
  }
  const { row, dst, src, imm } = insn
  return build(row, { dst, src, imm, off: Number(distance) })
}

/** By number a helper; what a name means is seen at the end. */
function call(target: Expression, context: Context): Instruction {
  if (target.kind === 'name') {
    const { slot, place } = context
    context.fixups.push({ kind: 'call', slot, place, at: target.at, name: target.name })
    return build(CALL_LOCAL)
  }
  return build(CALL_HELPER, { imm: constantImmediate(target, context) })
}

/** Refuses `w` registers. */
function requireWide(register: RegisterOperand): void {
  if (register.width === 64) return
  throw new StatementError(register.at, `w${register.number} is 32 bits wide, 64 are needed`, {
    hint: `write r${register.number}`,
  })
}

function requireEqualWidth(dst: RegisterOperand, src: RegisterOperand): void {
  if (dst.width === src.width) return
  const letter = dst.width === 64 ? 'r' : 'w'
  throw new StatementError(src.at, `operands of ${dst.width} and ${src.width} bits`, {
    hint: `write ${letter}${src.number}`,
  })
}

function requireSame(dst: RegisterOperand, src: RegisterOperand, what: string): void {
  if (dst.number === src.number && dst.width === src.width) return
  throw new StatementError(src.at, `${what} works in place: both registers must be the same`)
}

/** `w` registers hold 32 bits; the sign-extending loads fill 64. */
function requireFits(register: RegisterOperand, type: string): void {
  if (register.width === 64 || (type !== 'u64' && type.startsWith('u'))) return
  throw new StatementError(
    register.at,
    `w${register.number} cannot hold ${type === 'u64' ? 'a u64' : `the ${type}, which is extended to 64 bits`}`,
    {
      hint: `write r${register.number}`,
    },
  )
}
