/** What a run made of a packet, as text and for machines. */
import { type ProgramType, packetVerdict } from '../index.ts'

/** Bytes that are shown as text; `--json` has all. */
const MOST_SHOWN = 256

/** What a program that sees packets returned and left. */
export interface PacketResult {
  readonly retval: number
  readonly data: Uint8Array | undefined
  readonly ctx: Uint8Array | undefined
}

/** Members of the JSON object; none for programs that see no packets. */
export function packetJson(type: ProgramType, { retval, data, ctx }: PacketResult): Record<string, string> {
  const verdict = packetVerdict(type, retval)
  if (verdict === undefined) return {}
  return {
    packetVerdict: verdict,
    ...(data === undefined ? {} : { data: hex(data) }),
    ...(ctx === undefined ? {} : { ctx: hex(ctx) }),
  }
}

/** The lines behind the result; none for programs that see no packets. */
export function packetLines(type: ProgramType, { retval, data, ctx }: PacketResult): string[] {
  const verdict = packetVerdict(type, retval)
  if (verdict === undefined) return []
  return [
    `  packet: ${verdict}`,
    ...(data === undefined ? [] : [`  data = ${shown(data)}`]),
    ...(ctx === undefined ? [] : [`  ctx = ${shown(ctx)}`]),
  ]
}

/** As `--data` and `--ctx` take it. */
function hex(bytes: Uint8Array): string {
  return `hex:${Buffer.from(bytes).toString('hex')}`
}

function shown(bytes: Uint8Array): string {
  if (bytes.length <= MOST_SHOWN) return hex(bytes)
  return `${hex(bytes.subarray(0, MOST_SHOWN))}… (${bytes.length} bytes)`
}
