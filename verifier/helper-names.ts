/** Names of helpers as logs and messages give them. */
import { helperById } from '../program/helpers.ts'

/** `bpf_map_lookup_elem`; number 0 has a name too, though nobody may call it; undefined for numbers Linux lacks. */
export function helperName(id: number): string | undefined {
  return id === 0 ? 'bpf_unspec' : helperById(id)?.name
}
