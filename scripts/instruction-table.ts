/**
 * Writes docs/instructions.md, the table of every instruction, from isa/table.ts.
 *
 *     node scripts/instruction-table.ts          writes the file
 *     node scripts/instruction-table.ts -        prints it
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { llvmText } from '../isa/disasm-llvm.ts'
import { effectOf } from '../isa/effects.ts'
import { build, type Instruction } from '../isa/instruction.ts'
import { Field, Kind, type Row, TABLE } from '../isa/table.ts'

export const INSTRUCTION_TABLE: string = join(import.meta.dirname, '../docs/instructions.md')

const SECTIONS: readonly (readonly [title: string, kinds: readonly Kind[]])[] = [
  ['Arithmetic', [Kind.ALU, Kind.NEG]],
  ['Moves and casts', [Kind.MOV, Kind.MOVSX, Kind.CAST_KERN, Kind.CAST_USER]],
  ['Byte order', [Kind.END]],
  ['64-bit immediates', [Kind.LD_IMM64]],
  ['Loads and stores', [Kind.LDX, Kind.LDXSX, Kind.ST, Kind.STX]],
  ['Atomics', [Kind.ATOMIC, Kind.LOAD_ACQUIRE, Kind.STORE_RELEASE]],
  ['Packet loads', [Kind.LD_ABS, Kind.LD_IND]],
  ['Jumps', [Kind.JA, Kind.JCOND, Kind.MAY_GOTO]],
  ['Calls', [Kind.CALL_HELPER, Kind.CALL_LOCAL, Kind.CALL_KFUNC, Kind.CALLX, Kind.EXIT]],
]

const INTRODUCTION = `# Instructions

Every instruction that harena assembles, disassembles, verifies and runs; made by
\`node scripts/instruction-table.ts\` from \`isa/table.ts\`, so change it there.

Each is shown with \`dst\` r1, \`src\` r2, \`off\` 8 and \`imm\` 5; \`L\` stands for a label. 64-bit operations
sign-extend \`imm\`. A field that an instruction does not use must be 0. \`u32[a]\` is the 32-bit value in memory at a;
values in memory are little-endian. Groups are the conformance groups of RFC 9669, section 2.4;
\`linux\` marks what Linux adds, \`callx\` the call through a register, which the RFC leaves out.
`

/** The page's whole text. */
export function instructionTable(): string {
  const sections = SECTIONS.map(([title, kinds]) => {
    const rows = TABLE.filter((row) => kinds.includes(row.kind))
    const head = '| instruction | opcode | effect | group |\n|---|---|---|---|'
    return `## ${title}\n\n${[head, ...rows.map(tableLine)].join('\n')}\n`
  })
  return [INTRODUCTION, ...sections].join('\n')
}

function tableLine(row: Row): string {
  const cells = [`\`${sampleText(row)}\``, opcodeText(row), effectOf(row), row.group]
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

function sampleText(row: Row): string {
  const label = row.kind === Kind.CALL_LOCAL ? 'f' : 'L'
  return llvmText(sample(row), label)
}

function sample(row: Row): Instruction {
  const used = (field: Field, value: number): number => (field === Field.USED ? value : 0)
  return build(row, { dst: used(row.dst, 1), src: used(row.src, 2), off: used(row.off, 8), imm: used(row.imm, 5) })
}

/** The opcode byte, and the field's value that tells its instructions apart. */
function opcodeText(row: Row): string {
  const byte = `0x${row.opcode.toString(16).padStart(2, '0')}`
  if (row.kind === Kind.CAST_KERN || row.kind === Kind.CAST_USER) {
    return `${byte}, off 1, imm 0x${sample(row).imm.toString(16)}`
  }
  if (row.select === undefined) return byte
  const { field, value } = row.select
  return `${byte}, ${field} ${field === 'imm' && row.kind !== Kind.END ? `0x${value.toString(16)}` : value}`
}

// import.meta.main would be shorter; Node 22 lacks it.
if (process.argv[1] === import.meta.filename) {
  if (process.argv[2] === '-') process.stdout.write(instructionTable())
  else writeFileSync(INSTRUCTION_TABLE, instructionTable())
}
