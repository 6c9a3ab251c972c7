/**
 * Loads through a pointer to a socket: struct bpf_sock (80 bytes), of which a socket of unknown protocol shows a part.
 * Nothing of it can be stored to. Source: observed on Linux 6.18, every offset and width.
 */
import { fail } from './errors.ts'
import { typeName } from './text.ts'

interface SocketField {
  readonly off: number
  readonly end: number
  /** Widths in bytes, or-ed; an access lies inside, at a multiple of its width. */
  readonly widths: number
  /** Only accesses at the first byte. */
  readonly startOnly?: boolean
}

const SOCK_COMMON_FIELDS: readonly SocketField[] = [
  { off: 0, end: 4, widths: 4 }, // bound_dev_if
  { off: 4, end: 8, widths: 1 | 2 | 4, startOnly: true }, // family
  { off: 24, end: 44, widths: 1 | 2 | 4 }, // src_ip4, src_ip6
  { off: 44, end: 48, widths: 1 | 2 | 4, startOnly: true }, // src_port
  { off: 48, end: 50, widths: 1 | 2 }, // dst_port, 16 bits
  { off: 48, end: 52, widths: 4 }, // and 16 that are zero
  { off: 52, end: 72, widths: 1 | 2 | 4 }, // dst_ip4, dst_ip6
  { off: 72, end: 76, widths: 1 | 2 | 4, startOnly: true }, // state
  { off: 76, end: 80, widths: 1 | 2 | 4, startOnly: true }, // rx_queue_mapping
]

/** An access to a socket of unknown protocol through register `reg` of type `type`. @throws Rejection */
export function checkSocketAccess(reg: number, type: number, off: number, size: number, write: boolean): void {
  if (write) fail('cannot-write', { reg, type: typeName(type) })
  const found = SOCK_COMMON_FIELDS.some(
    (field) =>
      (field.widths & size) !== 0 &&
      off % size === 0 &&
      off >= field.off &&
      off + size <= field.end &&
      (field.startOnly !== true || off === field.off),
  )
  if (!found) fail('socket-access', { reg, type: typeName(type), off, size })
}
