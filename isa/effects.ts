/**
 * What each instruction does, in a phrase: for the generated table of docs/instructions.md and for messages. `dst`,
 * `src`, `off` and `imm` are the encoded fields; `u32[a]` is memory at a. Source: RFC 9669 sections 4 and 5, and
 * Linux 6.18 for the group `linux`.
 */
import { Pseudo } from './opcode.ts'
import { Kind, Op, Operand, type Row } from './table.ts'

/** Effect of an ALU row on `dst` with operand `x`. */
const ALU_EFFECT: Readonly<Record<number, (x: string, row: Row) => string>> = {
  [Op.ADD]: (x) => `dst = dst + ${x}`,
  [Op.SUB]: (x) => `dst = dst - ${x}`,
  [Op.MUL]: (x) => `dst = dst * ${x}`,
  [Op.DIV]: (x) => `dst = dst / ${x}, unsigned; 0 when ${x} is 0`,
  [Op.SDIV]: (x) => `dst = dst / ${x}, signed, towards zero; 0 when ${x} is 0; the minimum / -1 is the minimum`,
  [Op.MOD]: (x) => `dst = dst % ${x}, unsigned; dst when ${x} is 0`,
  [Op.SMOD]: (x) => `dst = dst % ${x}, signed, with the sign of dst; dst when ${x} is 0; 0 when ${x} is -1`,
  [Op.OR]: (x) => `dst = dst or ${x}`,
  [Op.AND]: (x) => `dst = dst and ${x}`,
  [Op.XOR]: (x) => `dst = dst xor ${x}`,
  [Op.LSH]: (x, row) => `dst = dst << (${x} and ${row.width - 1})`,
  [Op.RSH]: (x, row) => `dst = dst >> (${x} and ${row.width - 1}), zeros shifted in`,
  [Op.ARSH]: (x, row) => `dst = dst >> (${x} and ${row.width - 1}), the sign shifted in`,
}

/** Condition of a JCOND row between dst and operand `x`. */
const CONDITION: Readonly<Record<number, (x: string) => string>> = {
  [Op.JEQ]: (x) => `dst is ${x}`,
  [Op.JNE]: (x) => `dst is not ${x}`,
  [Op.JGT]: (x) => `dst > ${x}, unsigned`,
  [Op.JGE]: (x) => `dst >= ${x}, unsigned`,
  [Op.JLT]: (x) => `dst < ${x}, unsigned`,
  [Op.JLE]: (x) => `dst <= ${x}, unsigned`,
  [Op.JSET]: (x) => `dst and ${x} is not 0`,
  [Op.JSGT]: (x) => `dst > ${x}, signed`,
  [Op.JSGE]: (x) => `dst >= ${x}, signed`,
  [Op.JSLT]: (x) => `dst < ${x}, signed`,
  [Op.JSLE]: (x) => `dst <= ${x}, signed`,
}

const PSEUDO_EFFECT: Readonly<Record<Pseudo, string>> = {
  [Pseudo.NONE]: 'dst = the 64-bit immediate',
  [Pseudo.MAP_FD]: 'dst = the map with file descriptor imm',
  [Pseudo.MAP_VALUE]: 'dst = address of the first value of the map with file descriptor imm, plus the upper half',
  [Pseudo.BTF_ID]: 'dst = address of the kernel variable with BTF id imm; the upper half is the descriptor of its BTF',
  [Pseudo.FUNC]: 'dst = address of the function imm slots behind the next slot',
  [Pseudo.MAP_IDX]: 'dst = the map at index imm of the array of file descriptors',
  [Pseudo.MAP_IDX_VALUE]: 'dst = address of the first value of that map, plus the upper half',
}

/** The operand's name: an immediate is sign-extended to 64 bits where the row is 64 bits wide. */
const operand = (row: Row): string => (row.operand === Operand.IMM ? 'imm' : 'src')

const low32 = (row: Row): string => (row.width === 32 ? '; on the low 32 bits, upper 32 bits cleared' : '')

/** What `row` does. */
export function effectOf(row: Row): string {
  const { memWidth } = row
  switch (row.kind) {
    case Kind.ALU:
      return `${ALU_EFFECT[row.op]?.(operand(row), row)}${low32(row)}`
    case Kind.NEG:
      return `dst = -dst${low32(row)}`
    case Kind.END:
      return endEffect(row)
    case Kind.MOV:
      return `dst = ${operand(row)}${low32(row)}`
    case Kind.MOVSX:
      return `dst = the low ${memWidth} bits of src, sign-extended to ${row.width}${row.width === 32 ? ', upper 32 bits cleared' : ''}`
    case Kind.CAST_KERN:
      return 'dst = the low 32 bits of src, a user address or NULL, as a pointer into the arena'
    case Kind.CAST_USER:
      return "dst = the user address of src, a pointer into the arena; 0 when src's low 32 bits are 0"
    case Kind.LD_IMM64:
      return PSEUDO_EFFECT[row.pseudo]
    case Kind.LD_ABS:
      return `r0 = u${memWidth} of the packet at imm, in network order; ends the program when outside`
    case Kind.LD_IND:
      return `r0 = u${memWidth} of the packet at src + imm, in network order; ends the program when outside`
    case Kind.LDX:
      return `dst = u${memWidth}[src + off]`
    case Kind.LDXSX:
      return `dst = s${memWidth}[src + off], sign-extended to 64`
    case Kind.ST:
      return `u${memWidth}[dst + off] = imm`
    case Kind.STX:
      return `u${memWidth}[dst + off] = src`
    case Kind.ATOMIC:
      return atomicEffect(row)
    case Kind.LOAD_ACQUIRE:
      return `dst = u${memWidth}[src + off]; no later access is seen before it`
    case Kind.STORE_RELEASE:
      return `u${memWidth}[dst + off] = src; every earlier access is seen before it`
    case Kind.JA:
      return `jump by ${row.width === 32 ? 'imm' : 'off'} slots from the next one`
    case Kind.JCOND:
      return `jump by off when ${CONDITION[row.op]?.(operand(row))}${row.width === 32 ? '; low 32 bits' : ''}`
    case Kind.MAY_GOTO:
      return 'jump by off when this frame has used up its iterations (8,388,608)'
    case Kind.CALL_HELPER:
      return 'r0 = helper imm of r1 to r5'
    case Kind.CALL_LOCAL:
      return 'r0 = the function imm slots behind the next slot, of r1 to r5'
    case Kind.CALL_KFUNC:
      return 'r0 = the kernel function with BTF id imm, of r1 to r5; off chooses the BTF'
    case Kind.CALLX:
      return 'r0 = the helper whose number dst holds; only programs that are not verified may'
    case Kind.EXIT:
      return 'leave the function, or the program, with r0'
    case Kind.LD_IMM64_HI:
      return 'upper half of a 64-bit immediate'
    case Kind.UNKNOWN:
      return 'no instruction'
    default:
      return row.kind satisfies never
  }
}

function endEffect(row: Row): string {
  const bits = `low ${row.memWidth} bits of dst`
  if (row.op === Op.LE) return `dst = the ${bits}, as little-endian (no swap here), upper bits cleared`
  return `dst = the ${bits} with their bytes swapped, upper bits cleared`
}

function atomicEffect(row: Row): string {
  const at = `u${row.memWidth}[dst + off]`
  switch (row.op) {
    case Op.XCHG:
      return `swap ${at} with src`
    case Op.CMPXCHG:
      return `when ${at} is r0 it becomes src; r0 = its old value`
    default: {
      const sign = row.op === Op.ADD ? '+' : row.op === Op.AND ? 'and' : row.op === Op.OR ? 'or' : 'xor'
      return `${at} = ${at} ${sign} src${row.fetch ? '; src = its old value' : ''}`
    }
  }
}
