/** `harena inspect`: what an object holds, before anything is loaded. */
import { type BtfType, link, MAP_FLAGS, type MapSpec, type ObjectSpec, PROGRAM_FLAGS } from '../../index.ts'
import { readObject } from '../input.ts'
import type { Io } from '../io.ts'
import type { ParsedCommand } from '../options.ts'
import { ExitCode } from '../report.ts'

export async function inspect(command: ParsedCommand, io: Io): Promise<number> {
  const object = readObject(command)
  const summary = summarise(object)
  io.out(command.values.json === true ? `${JSON.stringify(summary)}\n` : render(summary))
  return ExitCode.DONE
}

/** What `--json` prints, and the text is made from: one of them cannot know what the other does not. */
interface Summary {
  readonly file: string
  readonly license: string
  readonly programs: readonly {
    name: string
    type: string
    flags: readonly string[]
    instructions: number
    functions: readonly string[]
    relocations: readonly { instruction: number; kind: string; name: string; offset?: number }[]
  }[]
  readonly maps: readonly {
    name: string
    type: string
    keySize: number
    valueSize: number
    maxEntries: number
    flags: readonly string[]
    extra: string
  }[]
  readonly globals: readonly { name: string; map: string; offset: number; size: number }[]
  readonly types: readonly { id: number; text: string }[]
}

/** Programs are linked, as they would be for a load: instructions and relocations count their functions in. */
function summarise(object: ObjectSpec): Summary {
  return {
    file: object.file,
    license: object.license,
    programs: object.programs.map((program) => {
      const linked = link(object, program.name)
      return {
        name: program.name,
        type: program.type,
        flags: flagNames(PROGRAM_FLAGS, program.flags),
        instructions: linked.insns.length,
        functions: linked.subprograms.slice(1).map((subprogram) => subprogram.name),
        relocations: linked.references.map((reference) => ({
          instruction: reference.slot,
          kind: reference.kind,
          name: reference.name,
          ...(reference.kind === 'map-value' ? { offset: reference.offset } : {}),
        })),
      }
    }),
    maps: object.maps.map(summariseMap),
    globals: object.globals.map(({ name, map, offset, size }) => ({ name, map, offset, size })),
    // Type 0 is void, in every object the same.
    types: (object.btf?.types ?? []).flatMap((type, id) => (id === 0 ? [] : [{ id, text: typeText(type) }])),
  }
}

function summariseMap(map: MapSpec): Summary['maps'][number] {
  const { name, type, keySize, valueSize, maxEntries } = map
  return {
    name,
    type,
    keySize,
    valueSize,
    maxEntries,
    flags: flagNames(MAP_FLAGS, map.flags),
    extra: `0x${map.extra.toString(16)}`,
  }
}

/** Names of the bits that are set; bits without a name are left out. */
function flagNames(table: Readonly<Record<string, number>>, flags: number): string[] {
  return Object.entries(table).flatMap(([name, bit]) => ((flags & bit) === 0 ? [] : [name]))
}

/** One line a type; members with their byte offsets. */
function typeText(type: BtfType): string {
  switch (type.kind) {
    case 'void':
      return 'void'
    case 'int':
    case 'float':
      return `${type.kind} ${type.name}, ${type.size} bytes`
    case 'ptr':
    case 'volatile':
    case 'const':
    case 'restrict':
      return `${type.kind} -> ${type.type}`
    case 'array':
      return `array of ${type.count} -> ${type.type}`
    case 'struct':
    case 'union': {
      const members = type.members.map((member) => `${member.name}@${member.offset / 8} -> ${member.type}`)
      return `${type.kind} ${type.name}, ${type.size} bytes { ${members.join(', ')} }`
    }
    case 'enum':
      return `enum ${type.name} { ${type.values.map((value) => `${value.name} = ${value.value}`).join(', ')} }`
    case 'fwd':
      return `fwd ${type.union ? 'union' : 'struct'} ${type.name}`
    case 'typedef':
    case 'type_tag':
      return `${type.kind} ${type.name} -> ${type.type}`
    case 'decl_tag':
      return `decl_tag ${type.name} -> ${type.type}, component ${type.component}`
    case 'func':
    case 'var':
      return `${type.linkage} ${type.kind} ${type.name} -> ${type.type}`
    case 'func_proto':
      return `func_proto (${type.params.map((param) => `${param.name} -> ${param.type}`).join(', ')}) -> ${type.type}`
    case 'datasec':
      return `datasec ${type.name}, ${type.size} bytes { ${type.vars.map((v) => `@${v.offset} -> ${v.type}`).join(', ')} }`
    default:
      return type satisfies never
  }
}

/** For people: sections that every object has always, the others where they hold something. */
function render(summary: Summary): string {
  const flags = (list: readonly string[]): string => (list.length === 0 ? '' : ` ${list.join('|')}`)
  const lines = [`${summary.file}: license ${JSON.stringify(summary.license)}`]
  lines.push('', 'programs:')
  for (const program of summary.programs) {
    lines.push(`  ${program.name} ${program.type}${flags(program.flags)}, ${program.instructions} instructions`)
    if (program.functions.length > 0) lines.push(`    functions: ${program.functions.join(', ')}`)
    for (const { instruction, kind, name, offset } of program.relocations) {
      lines.push(`    ${instruction}: ${kind} ${name}${offset === undefined ? '' : ` + ${offset}`}`)
    }
  }
  lines.push('', 'maps:')
  for (const map of summary.maps) {
    const extra = map.extra === '0x0' ? '' : `, extra ${map.extra}`
    lines.push(
      `  ${map.name} ${map.type}${flags(map.flags)}, key ${map.keySize}, value ${map.valueSize}, ` +
        `${map.maxEntries} entries${extra}`,
    )
  }
  if (summary.globals.length > 0) lines.push('', 'globals:')
  for (const { name, map, offset, size } of summary.globals) lines.push(`  ${name}: ${map} + ${offset}, ${size} bytes`)
  if (summary.types.length > 0) lines.push('', 'types:')
  for (const { id, text } of summary.types) lines.push(`  [${id}] ${text}`)
  return `${lines.join('\n')}\n`
}
