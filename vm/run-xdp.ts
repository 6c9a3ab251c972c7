/**
 * Input of XDP programs: a packet in a page of its own, and struct xdp_md. The data may begin with M bytes of metadata,
 * which a context's `data` announces:
 *
 *     page                              data_meta       data              data_end
 *     |  headroom, 256 - M bytes        |  M bytes      |  linear part    |  tailroom  |       fragments of 4096 bytes
 *                                       |<-------- at most 3520 + M ----->|                    (the program sees none)
 *
 * A given context's `data_end` ends the linear part earlier: what follows goes to fragments. Source: Linux 6.18,
 * observed.
 */
import { ErrnoError, InternalError } from '../errors/errors.ts'
import { KERNEL_BASE, KERNEL_HIGH } from '../memory/memory.ts'
import { type ContextLayout, contextLayout, contextPlace } from '../program/contexts.ts'
import { PAGE_SIZE } from '../program/types.ts'
import type { RunOptions } from './options.ts'
import { allocateInput, copyOut, ETHERNET_HEADER, invalid, LOOPBACK, type RunInput, structGiven } from './run-input.ts'
import type { Services } from './services.ts'

const HEADROOM = 256

/** Most metadata: the headroom without what the kernel keeps in it. */
const MOST_METADATA = 216

/** Bytes of packet in a page, without metadata. */
const LINEAR_BYTES = 3520

const FRAGMENT_BYTES = 4096
const MOST_FRAGMENTS = 17

/** Offsets in struct xdp_md. */
const DATA = 0
const DATA_END = 4
const DATA_META = 8
const INGRESS_IFINDEX = 12
const RX_QUEUE_INDEX = 16
const EGRESS_IFINDEX = 20

/** How a packet is laid out. */
interface Shape {
  readonly metadata: number
  /** Bytes that the program may see, metadata included. */
  readonly linear: number
  readonly rxQueue: number
}

/** @throws ErrnoError EINVAL, E2BIG, ENODEV, ENOMEM as Linux refuses context and data */
export function xdpInput(services: Services, options: RunOptions, name: string): RunInput {
  const layout = contextLayout('xdp')
  if (layout === undefined) throw new InternalError('xdp programs have no context')
  const given = structGiven(name, options, layout.size)
  const packet = options.data ?? new Uint8Array()
  const { metadata, linear, rxQueue } = shapeOf(name, given, packet.length)
  const { memory, pages } = services.kernel
  const ctx = allocateInput(services, 2 * PAGE_SIZE, name)
  const data = ctx + PAGE_SIZE + HEADROOM
  memory.u8.set(packet.subarray(0, linear), data - metadata)
  setAddress(services, ctx, layout, 'data', data)
  setAddress(services, ctx, layout, 'data_end', data - metadata + linear)
  setAddress(services, ctx, layout, 'data_meta', data - metadata)
  memory.view.setUint32(ctx + INGRESS_IFINDEX, LOOPBACK, true)
  memory.view.setUint32(ctx + RX_QUEUE_INDEX, rxQueue, true)
  return {
    args: [ctx | 0, KERNEL_HIGH],
    packet: undefined,
    context: { offset: ctx, layout },
    results: () => {
      const [start, meta, end] = ['data', 'data_meta', 'data_end'].map((field) => address(services, ctx, layout, field))
      const seen = copyOut(memory, meta!, end!)
      return {
        data: joined(seen, packet.subarray(linear)),
        ctx: given === undefined ? undefined : contextOut(given, start! - meta!, end! - meta!),
      }
    },
    release: () => pages.freeBytes(ctx, 2 * PAGE_SIZE),
  }
}

/** The checks of context and size, in the kernel's order. */
function shapeOf(name: string, given: DataView | undefined, size: number): Shape {
  const word = (at: number): number => given?.getUint32(at, true) ?? 0
  const metadata = word(DATA)
  const end = given === undefined ? size : word(DATA_END)
  if (word(DATA_META) !== 0) throw invalid(name, 'data_meta of the context must be 0')
  if (end > size) throw invalid(name, `data_end of the context is ${end}, behind the ${size} bytes of data`)
  if (metadata > end) throw invalid(name, `data of the context is ${metadata}, behind data_end, ${end}`)
  if (metadata % 4 !== 0 || metadata > MOST_METADATA)
    throw invalid(name, `data of the context is a multiple of 4 up to ${MOST_METADATA}, not ${metadata}`)
  if (size - metadata < ETHERNET_HEADER)
    throw invalid(name, `a packet has at least ${ETHERNET_HEADER} bytes, not ${size - metadata}`)
  const rxQueue = word(RX_QUEUE_INDEX)
  checkDevice(name, word(INGRESS_IFINDEX), rxQueue, word(EGRESS_IFINDEX))
  const linear = Math.min(end, LINEAR_BYTES + metadata)
  if (size - linear > MOST_FRAGMENTS * FRAGMENT_BYTES)
    throw new ErrnoError('ENOMEM', `program ${name}: ${size} bytes of data are over ${MOST_FRAGMENTS} fragments`)
  return { metadata, linear, rxQueue }
}

/** There is the loopback device, with one queue. */
function checkDevice(name: string, ingress: number, rxQueue: number, egress: number): void {
  if (egress !== 0) throw invalid(name, 'egress_ifindex of the context must be 0')
  if (ingress === 0) {
    if (rxQueue !== 0) throw invalid(name, 'rx_queue_index of the context needs an ingress_ifindex')
    return
  }
  if (ingress !== LOOPBACK) throw new ErrnoError('ENODEV', `program ${name}: there is no device ${ingress}`)
  if (rxQueue !== 0) throw invalid(name, `device ${ingress} has no receive queue ${rxQueue}`)
}

/** The context as it was given, with the offsets of the packet afterwards. */
function contextOut(given: DataView, data: number, dataEnd: number): Uint8Array {
  const out = new DataView(given.buffer.slice(0))
  out.setUint32(DATA, data, true)
  out.setUint32(DATA_END, dataEnd, true)
  out.setUint32(DATA_META, 0, true)
  return new Uint8Array(out.buffer)
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.length + second.length)
  bytes.set(first)
  bytes.set(second, first.length)
  return bytes
}

function fieldAt(ctx: number, layout: ContextLayout, name: string): number {
  const place = contextPlace(layout, name)
  if (place === undefined) throw new InternalError(`struct ${layout.struct} has no ${name}`)
  return ctx + place
}

/** A pointer of the context: kernel offset `to`. */
function setAddress({ kernel }: Services, ctx: number, layout: ContextLayout, name: string, to: number): void {
  kernel.memory.view.setBigUint64(fieldAt(ctx, layout, name), KERNEL_BASE + BigInt(to), true)
}

function address({ kernel }: Services, ctx: number, layout: ContextLayout, name: string): number {
  return kernel.memory.view.getUint32(fieldAt(ctx, layout, name), true)
}
