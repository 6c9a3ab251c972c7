/** `.alloc NAME [size=N] [percpu]`: an object allocator, of one size or of any. */
import type { AllocSpec } from '../program/object.ts'
import { ALLOC_SIZE_MIN, allocSizeMax } from '../program/prototypes.ts'
import type { AllocDraft } from './assembly.ts'
import type { Lookup } from './expression.ts'
import { numberOption, optionTable } from './maps.ts'
import { positionAt } from './source.ts'
import { quote, StatementError } from './statement-error.ts'

const FLAG = 'percpu'

/** @throws StatementError */
export function readAlloc(draft: AllocDraft, lookup: Lookup): AllocSpec {
  const flags = draft.options.filter(({ name, value }) => name === FLAG && value === undefined)
  if (flags.length > 1) throw new StatementError(flags[1]!.at, `${quote(FLAG)} is given twice`)
  const rest = draft.options.filter((option) => !flags.includes(option))
  const size = optionTable(rest, ['size', FLAG], 'an allocator').get('size')
  const valued = rest.find(({ name }) => name === FLAG)
  if (valued !== undefined) throw new StatementError(valued.at, `${quote(FLAG)} takes no value`)
  const percpu = flags.length > 0
  const bytes = size === undefined ? undefined : Number(numberOption(size, 0n, 32, lookup))
  return {
    name: draft.name,
    size: bytes === undefined ? undefined : objectSize(bytes, percpu, size!.value!.at),
    percpu,
    position: positionAt(draft.place.source, draft.place.at),
  }
}

function objectSize(size: number, percpu: boolean, at: number): number {
  const most = allocSizeMax(percpu)
  if (size >= ALLOC_SIZE_MIN && size <= most) return size
  throw new StatementError(at, `objects of ${size} bytes are out of range; ${ALLOC_SIZE_MIN} to ${most} are possible`)
}
