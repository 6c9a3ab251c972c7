/**
 * The instruction table: one row a form. Decoder, encoder, disassembler, assembler, verifier, engines and test
 * generators all read it, so an instruction is described here and nowhere else.
 *
 * A row is found from the opcode byte and, where one byte stands for several instructions, from the field that
 * tells them apart (its `select`): `off` for signed division and sign-extending moves, `imm` for atomics and byte
 * swaps, `src` for calls and 64-bit immediates. Past the decoder nobody looks at these fields again.
 *
 * Source: RFC 9669; may_goto, load-acquire, store-release and addr_space_cast as Linux 6.18 has them.
 */
import { CallKind, Class, Mode, Pseudo, Size, Source } from './opcode.ts'

/** What family of behaviour a row belongs to. Verifier and engines dispatch on it. */
export const Kind = {
  /** No encoding at all. */
  UNKNOWN: 0,
  /** dst = dst op operand; see `op` */
  ALU: 1,
  /** dst = -dst */
  NEG: 2,
  /** dst = byte swap or truncation of dst to `width` bits; see `op` LE, BE, BSWAP */
  END: 3,
  /** dst = operand */
  MOV: 4,
  /** dst = sign extension of the low `memWidth` bits of src */
  MOVSX: 5,
  /** dst = low 32 bits of src, as a pointer into the arena (imm 1) */
  CAST_KERN: 6,
  /** dst = user address of an arena pointer (imm 1 << 16) */
  CAST_USER: 7,
  /** dst = 64-bit immediate, or what it stands for; see `pseudo` */
  LD_IMM64: 8,
  /** second slot of LD_IMM64 */
  LD_IMM64_HI: 9,
  /** r0 = packet bytes at imm */
  LD_ABS: 10,
  /** r0 = packet bytes at src + imm */
  LD_IND: 11,
  /** dst = zero-extended memory at src + off */
  LDX: 12,
  /** dst = sign-extended memory at src + off */
  LDXSX: 13,
  /** memory at dst + off = imm */
  ST: 14,
  /** memory at dst + off = src */
  STX: 15,
  /** read-modify-write of memory at dst + off with src; see `op` and `fetch` */
  ATOMIC: 16,
  LOAD_ACQUIRE: 17,
  STORE_RELEASE: 18,
  /** unconditional jump: by off (goto) or by imm (gotol) */
  JA: 19,
  /** conditional jump; see `op` */
  JCOND: 20,
  MAY_GOTO: 21,
  CALL_HELPER: 22,
  CALL_LOCAL: 23,
  CALL_KFUNC: 24,
  /** call through a register; for unverified programs only */
  CALLX: 25,
  EXIT: 26,
} as const
export type Kind = (typeof Kind)[keyof typeof Kind]

/** What a row of kind ALU, END, ATOMIC or JCOND computes. */
export const Op = {
  NONE: 0,
  ADD: 1,
  SUB: 2,
  MUL: 3,
  DIV: 4,
  SDIV: 5,
  MOD: 6,
  SMOD: 7,
  OR: 8,
  AND: 9,
  XOR: 10,
  LSH: 11,
  RSH: 12,
  ARSH: 13,
  LE: 14,
  BE: 15,
  BSWAP: 16,
  XCHG: 17,
  CMPXCHG: 18,
  JEQ: 19,
  JNE: 20,
  JGT: 21,
  JGE: 22,
  JLT: 23,
  JLE: 24,
  JSET: 25,
  JSGT: 26,
  JSGE: 27,
  JSLT: 28,
  JSLE: 29,
} as const
export type Op = (typeof Op)[keyof typeof Op]

/** Where the second operand comes from. */
export const Operand = { NONE: 0, IMM: 1, REG: 2 } as const
export type Operand = (typeof Operand)[keyof typeof Operand]

/** A field that must hold `value` for the row to be meant (not: for it to be well formed). */
export interface Select {
  readonly field: 'src' | 'off' | 'imm'
  readonly value: number
}

/** How an instruction uses an encoded field. `ZERO`: reserved, must be 0. `FIXED`: given by `select`. */
export const Field = { ZERO: 0, USED: 1, FIXED: 2 } as const
export type Field = (typeof Field)[keyof typeof Field]

export type Width = 8 | 16 | 32 | 64

export interface Row {
  /** Index in TABLE. */
  readonly id: number
  /** Unique, such as `add64_imm`, `ldx_u8`, `jsgt32_reg`, `atomic_fetch_add_u64`. */
  readonly name: string
  readonly opcode: number
  readonly kind: Kind
  readonly op: Op
  /** Bits of the register operands: 32 forms zero-extend their result. 64 for loads and stores. */
  readonly width: 32 | 64
  /** Bits in memory of loads, stores and atomics; bits kept by MOVSX and END; else 0. */
  readonly memWidth: 0 | Width
  readonly operand: Operand
  /** ATOMIC: the old value comes back (in src, or r0 for CMPXCHG). */
  readonly fetch: boolean
  /** LD_IMM64: what the immediate stands for. */
  readonly pseudo: Pseudo
  readonly select: Select | undefined
  readonly dst: Field
  readonly src: Field
  readonly off: Field
  readonly imm: Field
  /** Conformance group of RFC 9669 section 2.4; `linux` for what Linux adds, `callx` for what the RFC leaves out. */
  readonly group: Group
}

export type Group =
  | 'base32'
  | 'base64'
  | 'divmul32'
  | 'divmul64'
  | 'atomic32'
  | 'atomic64'
  | 'packet'
  | 'callx'
  | 'linux'

interface Draft {
  name: string
  opcode: number
  kind: Kind
  group: Group
  op?: Op
  width?: 32 | 64
  memWidth?: 0 | Width
  operand?: Operand
  fetch?: boolean
  pseudo?: Pseudo
  select?: Select
  /** Letters of the fields in use: d, s, o, i. */
  uses: string
}

const ALU_OPS = [
  ['add', 0x00, Op.ADD],
  ['sub', 0x10, Op.SUB],
  ['mul', 0x20, Op.MUL],
  ['div', 0x30, Op.DIV],
  ['or', 0x40, Op.OR],
  ['and', 0x50, Op.AND],
  ['lsh', 0x60, Op.LSH],
  ['rsh', 0x70, Op.RSH],
  ['mod', 0x90, Op.MOD],
  ['xor', 0xa0, Op.XOR],
  ['arsh', 0xc0, Op.ARSH],
] as const

const JUMP_OPS = [
  ['jeq', 0x10, Op.JEQ],
  ['jgt', 0x20, Op.JGT],
  ['jge', 0x30, Op.JGE],
  ['jset', 0x40, Op.JSET],
  ['jne', 0x50, Op.JNE],
  ['jsgt', 0x60, Op.JSGT],
  ['jsge', 0x70, Op.JSGE],
  ['jlt', 0xa0, Op.JLT],
  ['jle', 0xb0, Op.JLE],
  ['jslt', 0xc0, Op.JSLT],
  ['jsle', 0xd0, Op.JSLE],
] as const

const SIZES = [
  ['8', Size.B, 8],
  ['16', Size.H, 16],
  ['32', Size.W, 32],
  ['64', Size.DW, 64],
] as const

const ATOMIC_OPS = [
  ['add', 0x00, Op.ADD, false],
  ['or', 0x40, Op.OR, false],
  ['and', 0x50, Op.AND, false],
  ['xor', 0xa0, Op.XOR, false],
  ['fetch_add', 0x01, Op.ADD, true],
  ['fetch_or', 0x41, Op.OR, true],
  ['fetch_and', 0x51, Op.AND, true],
  ['fetch_xor', 0xa1, Op.XOR, true],
  ['xchg', 0xe1, Op.XCHG, true],
  ['cmpxchg', 0xf1, Op.CMPXCHG, true],
] as const

const PSEUDO_NAMES = [
  ['ld_imm64', Pseudo.NONE],
  ['ld_map_fd', Pseudo.MAP_FD],
  ['ld_map_value', Pseudo.MAP_VALUE],
  ['ld_btf_id', Pseudo.BTF_ID],
  ['ld_func', Pseudo.FUNC],
  ['ld_map_idx', Pseudo.MAP_IDX],
  ['ld_map_idx_value', Pseudo.MAP_IDX_VALUE],
] as const

function* drafts(): Generator<Draft> {
  for (const width of [32, 64] as const) {
    yield* arithmetic(width)
    yield* moves(width)
  }
  yield* byteOrder()
  yield* casts()
  yield* wideImmediates()
  yield* packetLoads()
  yield* memoryAccess()
  yield* atomics()
  yield* jumps()
  yield* calls()
}

function* arithmetic(width: 32 | 64): Generator<Draft> {
  const cls = width === 32 ? Class.ALU : Class.ALU64
  for (const [name, bits, op] of ALU_OPS) {
    const divides = op === Op.DIV || op === Op.MOD
    const group: Group = divides || op === Op.MUL ? `divmul${width}` : `base${width}`
    const shared = { kind: Kind.ALU, width, group }
    const byImm = { ...shared, opcode: cls | bits | Source.K, operand: Operand.IMM, uses: 'di' }
    const byReg = { ...shared, opcode: cls | bits | Source.X, operand: Operand.REG, uses: 'ds' }
    yield { ...byImm, name: `${name}${width}_imm`, op }
    yield { ...byReg, name: `${name}${width}_reg`, op }
    if (divides) {
      const signed = { op: op === Op.DIV ? Op.SDIV : Op.SMOD, select: { field: 'off', value: 1 } as const }
      yield { ...byImm, ...signed, name: `s${name}${width}_imm` }
      yield { ...byReg, ...signed, name: `s${name}${width}_reg` }
    }
  }
  yield { name: `neg${width}`, opcode: cls | 0x80 | Source.K, kind: Kind.NEG, width, group: `base${width}`, uses: 'd' }
}

function* moves(width: 32 | 64): Generator<Draft> {
  const cls = width === 32 ? Class.ALU : Class.ALU64
  const shared = { width, group: `base${width}` } as const
  const byReg = { ...shared, opcode: cls | 0xb0 | Source.X, operand: Operand.REG, uses: 'ds' }
  yield {
    ...shared,
    name: `mov${width}_imm`,
    opcode: cls | 0xb0 | Source.K,
    kind: Kind.MOV,
    operand: Operand.IMM,
    uses: 'di',
  }
  yield { ...byReg, name: `mov${width}_reg`, kind: Kind.MOV }
  for (const bits of [8, 16, 32] as const) {
    if (bits === width) continue
    const select = { field: 'off', value: bits } as const
    yield { ...byReg, name: `movsx${width}_s${bits}`, kind: Kind.MOVSX, memWidth: bits, select }
  }
}

function* byteOrder(): Generator<Draft> {
  for (const memWidth of [16, 32, 64] as const) {
    const shared = { kind: Kind.END, memWidth, select: { field: 'imm', value: memWidth } as const, uses: 'd' }
    const group: Group = memWidth === 64 ? 'base64' : 'base32'
    yield { ...shared, name: `le${memWidth}`, opcode: Class.ALU | 0xd0 | Source.K, op: Op.LE, group }
    yield { ...shared, name: `be${memWidth}`, opcode: Class.ALU | 0xd0 | Source.X, op: Op.BE, group }
    yield { ...shared, name: `bswap${memWidth}`, opcode: Class.ALU64 | 0xd0 | Source.K, op: Op.BSWAP, group: 'base64' }
  }
}

/** addr_space_cast: a 64-bit MOV X with off 1; imm is the pair of address spaces (destination << 16 | source). */
function* casts(): Generator<Draft> {
  const shared = {
    opcode: Class.ALU64 | 0xb0 | Source.X,
    operand: Operand.REG,
    group: 'linux',
    uses: 'ds',
  } as const
  yield { ...shared, name: 'cast_kern', kind: Kind.CAST_KERN, select: { field: 'imm', value: 1 } }
  yield { ...shared, name: 'cast_user', kind: Kind.CAST_USER, select: { field: 'imm', value: 0x10000 } }
}

function* wideImmediates(): Generator<Draft> {
  const shared = { opcode: Class.LD | Mode.IMM | Size.DW, kind: Kind.LD_IMM64, group: 'base64', uses: 'di' } as const
  for (const [name, pseudo] of PSEUDO_NAMES) {
    yield { ...shared, name, pseudo, select: { field: 'src', value: pseudo } }
  }
}

function* packetLoads(): Generator<Draft> {
  for (const [size, bits, memWidth] of SIZES) {
    if (memWidth === 64) continue
    const shared = { memWidth, group: 'packet' } as const
    yield { ...shared, name: `ld_abs_u${size}`, opcode: Class.LD | Mode.ABS | bits, kind: Kind.LD_ABS, uses: 'i' }
    yield {
      ...shared,
      name: `ld_ind_u${size}`,
      opcode: Class.LD | Mode.IND | bits,
      kind: Kind.LD_IND,
      operand: Operand.REG,
      uses: 'si',
    }
  }
}

function* memoryAccess(): Generator<Draft> {
  for (const [size, bits, memWidth] of SIZES) {
    const shared = { memWidth, group: memWidth === 64 ? 'base64' : 'base32' } as const
    const byReg = { ...shared, operand: Operand.REG, uses: 'dso' }
    const byImm = { ...shared, operand: Operand.IMM, uses: 'doi' }
    yield { ...byReg, name: `ldx_u${size}`, opcode: Class.LDX | Mode.MEM | bits, kind: Kind.LDX }
    yield { ...byImm, name: `st_u${size}`, opcode: Class.ST | Mode.MEM | bits, kind: Kind.ST }
    yield { ...byReg, name: `stx_u${size}`, opcode: Class.STX | Mode.MEM | bits, kind: Kind.STX }
    if (memWidth === 64) continue
    yield { ...byReg, name: `ldx_s${size}`, opcode: Class.LDX | Mode.MEMSX | bits, kind: Kind.LDXSX, group: 'base64' }
  }
}

function* atomics(): Generator<Draft> {
  for (const [size, bits, memWidth] of SIZES) {
    const shared = { opcode: Class.STX | Mode.ATOMIC | bits, memWidth, operand: Operand.REG, uses: 'dso' }
    if (memWidth >= 32) {
      const group: Group = memWidth === 64 ? 'atomic64' : 'atomic32'
      for (const [name, imm, op, fetch] of ATOMIC_OPS) {
        const select = { field: 'imm', value: imm } as const
        yield { ...shared, name: `atomic_${name}_u${size}`, kind: Kind.ATOMIC, op, fetch, group, select }
      }
    }
    yield {
      ...shared,
      name: `load_acquire_u${size}`,
      kind: Kind.LOAD_ACQUIRE,
      group: 'linux',
      select: { field: 'imm', value: 0x100 },
    }
    yield {
      ...shared,
      name: `store_release_u${size}`,
      kind: Kind.STORE_RELEASE,
      group: 'linux',
      select: { field: 'imm', value: 0x110 },
    }
  }
}

function* jumps(): Generator<Draft> {
  yield { name: 'goto', opcode: Class.JMP | 0x00, kind: Kind.JA, group: 'base32', uses: 'o' }
  yield { name: 'gotol', opcode: Class.JMP32 | 0x00, kind: Kind.JA, width: 32, group: 'base32', uses: 'i' }
  for (const width of [64, 32] as const) {
    const cls = width === 64 ? Class.JMP : Class.JMP32
    for (const [name, bits, op] of JUMP_OPS) {
      const shared = { kind: Kind.JCOND, op, width, group: `base${width}` } as const
      yield {
        ...shared,
        name: `${name}${width}_imm`,
        opcode: cls | bits | Source.K,
        operand: Operand.IMM,
        uses: 'doi',
      }
      yield {
        ...shared,
        name: `${name}${width}_reg`,
        opcode: cls | bits | Source.X,
        operand: Operand.REG,
        uses: 'dso',
      }
    }
  }
  yield { name: 'may_goto', opcode: Class.JMP | 0xe0, kind: Kind.MAY_GOTO, group: 'linux', uses: 'o' }
}

function* calls(): Generator<Draft> {
  const call = (name: string, kind: Kind, src: number, uses: string): Draft => ({
    name,
    opcode: Class.JMP | 0x80,
    kind,
    group: 'base32',
    select: { field: 'src', value: src },
    uses,
  })
  yield call('call_helper', Kind.CALL_HELPER, CallKind.HELPER, 'i')
  yield call('call_local', Kind.CALL_LOCAL, CallKind.LOCAL, 'i')
  yield call('call_kfunc', Kind.CALL_KFUNC, CallKind.KFUNC, 'oi')
  yield {
    name: 'callx',
    opcode: Class.JMP | 0x80 | Source.X,
    kind: Kind.CALLX,
    operand: Operand.REG,
    group: 'callx',
    uses: 'd',
  }
  yield { name: 'exit', opcode: Class.JMP | 0x90, kind: Kind.EXIT, group: 'base32', uses: '' }
}

function finish(draft: Draft, id: number): Row {
  const field = (letter: string, name: Select['field'] | 'dst'): Field => {
    if (draft.select?.field === name) return Field.FIXED
    return draft.uses.includes(letter) ? Field.USED : Field.ZERO
  }
  const cast = draft.kind === Kind.CAST_KERN || draft.kind === Kind.CAST_USER
  return Object.freeze({
    id,
    name: draft.name,
    opcode: draft.opcode,
    kind: draft.kind,
    op: draft.op ?? Op.NONE,
    width: draft.width ?? 64,
    memWidth: draft.memWidth ?? 0,
    operand: draft.operand ?? Operand.NONE,
    fetch: draft.fetch ?? false,
    pseudo: draft.pseudo ?? Pseudo.NONE,
    select: draft.select,
    dst: field('d', 'dst'),
    src: field('s', 'src'),
    off: cast ? Field.FIXED : field('o', 'off'),
    imm: field('i', 'imm'),
    group: draft.group,
  })
}

/** Every instruction, one row a form, in a fixed order. */
export const TABLE: readonly Row[] = Array.from(drafts(), finish)

function pseudoRow(name: string, kind: Kind, id: number): Row {
  return finish({ name, opcode: 0, kind, group: 'linux', uses: 'dsoi' }, id)
}

/** What the decoder gives for the second slot of an LD_IMM64; not an instruction of its own. */
export const LD_IMM64_HI: Row = pseudoRow('ld_imm64_hi', Kind.LD_IMM64_HI, -1)

/** What the decoder gives for a byte that is no opcode. */
export const UNKNOWN: Row = pseudoRow('unknown', Kind.UNKNOWN, -2)

const byOpcode: ReadonlyMap<number, readonly Row[]> = Map.groupBy(TABLE, (row) => row.opcode)
const byName: ReadonlyMap<string, Row> = new Map(TABLE.map((row) => [row.name, row]))

/** Rows that share an opcode byte, in table order; empty when the byte is no encoding. */
export function rowsOf(opcode: number): readonly Row[] {
  return byOpcode.get(opcode) ?? []
}

/** The row called `name`; throws for a name that is not in the table, which is our own mistake. */
export function rowNamed(name: string): Row {
  const row = byName.get(name)
  if (row === undefined) throw new Error(`no instruction row is called ${name}`)
  return row
}
