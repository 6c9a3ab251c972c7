/**
 * What a program's context looks like, by program type: the fields that it may load and store through its first
 * argument, and where the machine keeps them. Two structs, one behind the other's names:
 *
 *     what the program names (struct xdp_md)      what lies in kernel memory
 *     0   data        4 bytes, a pointer     \    0    (not used)
 *     4   data_end    4 bytes, a pointer      \   12   ingress_ifindex        scalars at the same offset
 *     8   data_meta   4 bytes, a pointer       >  16   rx_queue_index
 *     12  ingress_ifindex                     /   24   data       8 bytes, a kernel address
 *     16  rx_queue_index                     /    32   data_end   8 bytes
 *                                                 40   data_meta  8 bytes
 *
 * A load of a pointer names four bytes and gives eight; all else is an access of the same width, mostly at the same
 * distance from the field's start, narrow loads and sign-extending ones too. So engines turn an access through the context into
 * one of the struct in kernel memory (`findContextAccess`), and nothing remains to do when the program runs.
 *
 * Source: Linux 6.18, observed: every offset, width and direction.
 */
import type { ProgramType } from './types.ts'

/** What a load of a field gives. */
export type ContextValue = 'scalar' | 'pkt' | 'pkt_end' | 'pkt_meta' | 'sock_common_or_null'

export interface ContextField {
  readonly name: string
  /** Offset and bytes in the struct that the program names. */
  readonly off: number
  readonly size: number
  readonly value: ContextValue
  /**
   * Widths in bytes (1, 2, 4, 8), or-ed, that a load or a store may have. It lies within the field, at an offset in the
   * struct that is a multiple of its width.
   */
  readonly loads: number
  readonly stores: number
  /** Offset in the machine's struct. */
  readonly place: number
  /**
   * Bytes that Linux keeps the field in. A narrow load that is no narrower gives the field from its start, wherever in
   * the field it is: the upper half of `protocol` reads as the lower one, though its third byte reads as 0.
   */
  readonly kept: number
}

export interface ContextLayout {
  /** Name of the struct, as the kernel has it. */
  readonly struct: string
  /** Bytes of the struct that the program names. */
  readonly size: number
  /** Bytes of the machine's struct. */
  readonly placeSize: number
  /** True where the struct lies in kernel memory as it is named: accesses need no translation. */
  readonly plain?: boolean
  /** By ascending offset. */
  readonly fields: readonly ContextField[]
  /** What the program may do with the packet by pointer. */
  readonly packet: 'none' | 'read' | 'write'
  /** True where LD_ABS and LD_IND are allowed. */
  readonly loadsPacket: boolean
}

/** Where an access through the context goes in the machine's struct. */
export interface ContextAccess {
  readonly field: ContextField
  /** Offset in the machine's struct. */
  readonly place: number
  /** Bytes to load or store there; 8 for a pointer, whatever the program names. */
  readonly bytes: number
}

const POINTER_BYTES = 8

/** A number in 32 bits of which parts may be loaded too. */
function narrowable(name: string, off: number, kept = 4): ContextField {
  return { name, off, size: 4, value: 'scalar', loads: 1 | 2 | 4, stores: 0, place: off, kept }
}

function word(name: string, off: number): ContextField {
  return { name, off, size: 4, value: 'scalar', loads: 4, stores: 0, place: off, kept: 4 }
}

/** Four bytes that stand for a pointer, kept in eight at `place`. */
function packetPointer(name: string, off: number, value: ContextValue, place: number): ContextField {
  return { name, off, size: 4, value, loads: 4, stores: 0, place, kept: 4 }
}

/**
 * struct xdp_md, 24 bytes. The last field, egress_ifindex, belongs to programs with the expected attach type
 * BPF_XDP_DEVMAP, which harena has none of.
 */
const XDP: ContextLayout = {
  struct: 'xdp_md',
  size: 24,
  placeSize: 48,
  fields: [
    packetPointer('data', 0, 'pkt', 24),
    packetPointer('data_end', 4, 'pkt_end', 32),
    packetPointer('data_meta', 8, 'pkt_meta', 40),
    word('ingress_ifindex', 12),
    word('rx_queue_index', 16),
  ],
  packet: 'write',
  loadsPacket: false,
}

/** struct __sk_buff, 192 bytes, as a socket filter sees it. */
const SOCKET: ContextLayout = {
  struct: '__sk_buff',
  size: 192,
  placeSize: 192,
  fields: [
    narrowable('len', 0),
    narrowable('pkt_type', 4, 1),
    narrowable('mark', 8),
    narrowable('queue_mapping', 12, 2),
    narrowable('protocol', 16, 2),
    narrowable('vlan_present', 20),
    narrowable('vlan_tci', 24, 2),
    narrowable('vlan_proto', 28, 2),
    narrowable('priority', 32),
    narrowable('ingress_ifindex', 36),
    narrowable('ifindex', 40),
    narrowable('tc_index', 44, 2),
    {
      name: 'cb',
      off: 48,
      size: 20,
      value: 'scalar',
      loads: 1 | 2 | 4 | 8,
      stores: 1 | 2 | 4 | 8,
      place: 48,
      kept: 20,
    },
    narrowable('hash', 68),
    narrowable('napi_id', 84),
    narrowable('gso_segs', 164, 2),
    { name: 'sk', off: 168, size: 8, value: 'sock_common_or_null', loads: 8, stores: 0, place: 168, kept: 8 },
    narrowable('gso_size', 176, 2),
  ],
  packet: 'none',
  loadsPacket: true,
}

/** struct pt_regs of x86-64, in order; each has eight bytes. */
const PT_REGS = [
  ...['r15', 'r14', 'r13', 'r12', 'rbp', 'rbx', 'r11', 'r10', 'r9', 'r8', 'rax', 'rcx', 'rdx', 'rsi', 'rdi'],
  ...['orig_rax', 'rip', 'cs', 'eflags', 'rsp', 'ss'],
]

/** The registers of whoever hit the probe: 168 bytes, read in any part, never written. */
const KPROBE: ContextLayout = {
  struct: 'pt_regs',
  size: 168,
  placeSize: 168,
  plain: true,
  fields: PT_REGS.map((name, n) => {
    const off = POINTER_BYTES * n
    return { name, off, size: 8, value: 'scalar', loads: 1 | 2 | 4 | 8, stores: 0, place: off, kept: 8 }
  }),
  packet: 'none',
  loadsPacket: false,
}

const LAYOUTS: Partial<Record<ProgramType, ContextLayout>> = { xdp: XDP, socket: SOCKET, kprobe: KPROBE }

/** The context of a program type; undefined where it is no struct of fields (syscall) or not known to harena. */
export function contextLayout(type: ProgramType): ContextLayout | undefined {
  return LAYOUTS[type]
}

/** Where the machine's struct has the field called `name`; undefined where the context has none. */
export function contextPlace(layout: ContextLayout, name: string): number | undefined {
  return layout.fields.find((row) => row.name === name)?.place
}

/** The field and place that an access of `size` bytes at `off` has; undefined for one that is refused. */
export function findContextAccess(
  layout: ContextLayout,
  off: number,
  size: number,
  write: boolean,
): ContextAccess | undefined {
  const field = layout.fields.find((row) => off >= row.off && off + size <= row.off + row.size)
  if (field === undefined || off % size !== 0) return undefined
  if (((write ? field.stores : field.loads) & size) === 0) return undefined
  const bytes = field.value === 'scalar' ? size : POINTER_BYTES
  const distance = size < field.kept ? off - field.off : 0
  return { field, place: field.place + distance, bytes }
}
