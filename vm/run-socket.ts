/**
 * Input of socket filters: a packet and struct __sk_buff. The program sees the packet from behind its Ethernet header:
 *
 *     page       MAC header       what the program sees: len bytes
 *     | 64 bytes | 14 bytes       |  network header …                |
 *                ^ LD_ABS at -0x200000   ^ LD_ABS at 0 and at -0x100000
 *
 * Afterwards the kernel puts 14 zero bytes in front of it: the MAC header is lost. Source: Linux 6.18, observed.
 */
import { ErrnoError, InternalError } from '../errors/errors.ts'
import { KERNEL_BASE, KERNEL_HIGH } from '../memory/memory.ts'
import { contextLayout } from '../program/contexts.ts'
import { PAGE_SIZE } from '../program/types.ts'
import type { RunOptions } from './options.ts'
import { allocateInput, copyOut, ETHERNET_HEADER, invalid, LOOPBACK, type RunInput, structGiven } from './run-input.ts'
import type { Services } from './services.ts'

const HEADROOM = 64

/** A page without headroom and what the kernel keeps at its end. */
const MOST_DATA = 3712

const ETH_P_IP = 0x0800
const ETH_P_IPV6 = 0x86dd
/** Numbers below are lengths: an 802.3 frame. */
const ETH_P_802_3_MIN = 0x0600
/** What its protocol then is: raw IPX, or a frame with an LLC header. */
const ETH_P_802_3 = 0x0001
const ETH_P_802_2 = 0x0004

const IPV4_HEADER = 20
const IPV6_HEADER = 40

/** Offsets in struct __sk_buff. */
const LEN = 0
const PKT_TYPE = 4
const MARK = 8
const PROTOCOL = 16
const PRIORITY = 32
const INGRESS_IFINDEX = 36
const IFINDEX = 40
const CB = 48
const CB_BYTES = 20
const WIRE_LEN = 160
const GSO_SEGS = 164
const SK = 168
const GSO_SIZE = 176

/** Parts of struct __sk_buff that a caller may set: offset, end. */
const GIVEN: readonly (readonly [number, number])[] = [
  [MARK, 12],
  [PRIORITY, IFINDEX + 4],
  [CB, CB + CB_BYTES],
  [152, GSO_SEGS + 4],
  [GSO_SIZE, 180],
  [184, 192],
]

const MOST_WIRE_LEN = 65_536
const MOST_GSO_SEGS = 65_535

/** struct bpf_sock lies in the context's page too. */
const SOCK_AT = 1024
const SOCK_FAMILY = 4
const SOCK_SRC_IP4 = 24
const SOCK_SRC_IP6 = 28
const SOCK_DST_IP4 = 52
const SOCK_DST_IP6 = 56
const SOCK_STATE = 72
const SOCK_RX_QUEUE_MAPPING = 76
const AF_INET = 2
const AF_INET6 = 10
const TCP_CLOSE = 7

/** @throws ErrnoError EINVAL, E2BIG, ENODEV as Linux refuses context and data */
export function socketInput(services: Services, options: RunOptions, name: string): RunInput {
  const layout = contextLayout('socket')
  if (layout === undefined) throw new InternalError('socket programs have no context')
  const data = options.data ?? new Uint8Array()
  if (data.length < ETHERNET_HEADER || data.length > MOST_DATA)
    throw invalid(name, `a packet has ${ETHERNET_HEADER} to ${MOST_DATA} bytes, not ${data.length}`)
  const given = structGiven(name, options, layout.size)
  const length = data.length - ETHERNET_HEADER
  checkDevice(name, given)
  const protocol = protocolOf(data)
  const header = protocol === ETH_P_IP ? IPV4_HEADER : protocol === ETH_P_IPV6 ? IPV6_HEADER : 0
  if (length < header) throw invalid(name, `${length} bytes behind the MAC header are no IP packet`)
  if (given !== undefined) checkGiven(name, given, length)

  const { memory, pages } = services.kernel
  const ctx = allocateInput(services, 2 * PAGE_SIZE, name)
  const network = ctx + PAGE_SIZE + HEADROOM + ETHERNET_HEADER
  memory.u8.set(data, network - ETHERNET_HEADER)
  fillContext(memory.view, ctx, { given, length, protocol, data })
  fillSocket(memory.view, ctx + SOCK_AT, protocol, data.subarray(ETHERNET_HEADER))
  return {
    args: [ctx | 0, KERNEL_HIGH],
    packet: { offset: network, length, header: ETHERNET_HEADER },
    context: { offset: ctx, layout },
    results: () => {
      const out = new Uint8Array(data.length)
      out.set(copyOut(memory, network, network + length), ETHERNET_HEADER)
      return { data: out, ctx: given === undefined ? undefined : contextOut(given, memory.view, ctx, length) }
    },
    release: () => pages.freeBytes(ctx, 2 * PAGE_SIZE),
  }
}

/** 0 stands for the loopback device, too. */
function checkDevice(name: string, given: DataView | undefined): void {
  const ifindex = given?.getUint32(IFINDEX, true) ?? 0
  if (ifindex > LOOPBACK) throw new ErrnoError('ENODEV', `program ${name}: there is no device ${ifindex}`)
}

function checkGiven(name: string, given: DataView, length: number): void {
  for (let at = 0; at < given.byteLength; at++) {
    if (given.getUint8(at) === 0 || GIVEN.some(([start, end]) => at >= start && at < end)) continue
    throw invalid(name, `byte ${at} of the context is not one that can be set`)
  }
  const wire = given.getUint32(WIRE_LEN, true)
  if (wire !== 0 && (wire < length || wire > MOST_WIRE_LEN))
    throw invalid(name, `wire_len of the context is ${length} to ${MOST_WIRE_LEN}, not ${wire}`)
  const segments = given.getUint32(GSO_SEGS, true)
  if (segments > MOST_GSO_SEGS) throw invalid(name, `gso_segs of the context is at most ${MOST_GSO_SEGS}`)
}

/** The Ethernet type; a length becomes one of two stand-ins. */
function protocolOf(data: Uint8Array): number {
  const type = (data[12]! << 8) | data[13]!
  if (type >= ETH_P_802_3_MIN) return type
  return data[14] === 0xff && data[15] === 0xff ? ETH_P_802_3 : ETH_P_802_2
}

/**
 * Whom the packet is for: host, multicast, other host. The loopback device has address and broadcast address zero, so
 * that the broadcast address of others is a multicast address like any.
 */
function packetType(data: Uint8Array): number {
  if (data.subarray(0, 6).every((byte) => byte === 0)) return 0
  return (data[0]! & 1) !== 0 ? 2 : 3
}

interface Packet {
  readonly given: DataView | undefined
  readonly length: number
  readonly protocol: number
  readonly data: Uint8Array
}

/** Everything that is not set here reads as 0. */
function fillContext(view: DataView, ctx: number, { given, length, protocol, data }: Packet): void {
  view.setUint32(ctx + LEN, length, true)
  view.setUint32(ctx + PKT_TYPE, packetType(data), true)
  // In network byte order.
  view.setUint16(ctx + PROTOCOL, protocol, false)
  view.setUint32(ctx + IFINDEX, LOOPBACK, true)
  view.setBigUint64(ctx + SK, KERNEL_BASE + BigInt(ctx + SOCK_AT), true)
  if (given === undefined) return
  for (const field of [MARK, PRIORITY, INGRESS_IFINDEX, GSO_SEGS]) {
    view.setUint32(ctx + field, given.getUint32(field, true), true)
  }
  view.setUint16(ctx + GSO_SIZE, given.getUint16(GSO_SIZE, true), true)
  for (let at = CB; at < CB + CB_BYTES; at++) view.setUint8(ctx + at, given.getUint8(at))
}

/** The socket of a test run: closed, with the addresses of the packet. */
function fillSocket(view: DataView, sock: number, protocol: number, packet: Uint8Array): void {
  view.setUint32(sock + SOCK_STATE, TCP_CLOSE, true)
  view.setInt32(sock + SOCK_RX_QUEUE_MAPPING, -1, true)
  const copy = (to: number, from: number, bytes: number): void => {
    for (let i = 0; i < bytes; i++) view.setUint8(sock + to + i, packet[from + i]!)
  }
  if (protocol === ETH_P_IP) {
    view.setUint32(sock + SOCK_FAMILY, AF_INET, true)
    copy(SOCK_SRC_IP4, 12, 4)
    copy(SOCK_DST_IP4, 16, 4)
  } else if (protocol === ETH_P_IPV6) {
    view.setUint32(sock + SOCK_FAMILY, AF_INET6, true)
    copy(SOCK_SRC_IP6, 8, 16)
    copy(SOCK_DST_IP6, 24, 16)
  }
}

/** The context as it was given, with what a program may have changed, and what the kernel fills in. */
function contextOut(given: DataView, view: DataView, ctx: number, length: number): Uint8Array {
  const out = new DataView(given.buffer.slice(0))
  for (let at = CB; at < CB + CB_BYTES; at++) out.setUint8(at, view.getUint8(ctx + at))
  out.setUint32(IFINDEX, LOOPBACK, true)
  if (out.getUint32(WIRE_LEN, true) === 0) out.setUint32(WIRE_LEN, length, true)
  return new Uint8Array(out.buffer)
}
