/**
 * bpf(2): one call, a command and a struct of attributes whose fields stand at fixed offsets (uapi/linux/bpf.h,
 * Linux 6.18). Commands that harena uses, each as a function; a negative result is -errno.
 */
import { closeSync } from 'node:fs'
import { ERRNO } from '../errors/errors.ts'
import { libc, Syscall } from './libc.ts'

const Command = {
  MAP_CREATE: 0,
  MAP_LOOKUP_ELEM: 1,
  MAP_UPDATE_ELEM: 2,
  MAP_DELETE_ELEM: 3,
  MAP_GET_NEXT_KEY: 4,
  PROG_LOAD: 5,
  PROG_TEST_RUN: 10,
  BTF_LOAD: 18,
  MAP_LOOKUP_AND_DELETE_ELEM: 21,
  MAP_FREEZE: 22,
  MAP_LOOKUP_BATCH: 24,
  MAP_LOOKUP_AND_DELETE_BATCH: 25,
  MAP_UPDATE_BATCH: 26,
  MAP_DELETE_BATCH: 27,
} as const

/** Bytes of the struct that are given; what stands behind the known fields must be zero. */
const ATTR_BYTES = 160
/** Bytes of a map's or program's name, the last of them 0. */
const NAME_BYTES = 16

/** Names are letters, digits, `_` and `.`; others are replaced, long ones cut, as libbpf does. */
function nameBytes(name: string): Uint8Array {
  return new TextEncoder().encode(name.replace(/[^\w.]/gu, '_').slice(0, NAME_BYTES - 1))
}

interface Attr {
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly address: bigint
}

let shared: Attr | undefined

/** The struct, all zero. There is one of them: calls do not nest. */
function freshAttr(): Attr {
  if (shared === undefined) {
    const bytes = new Uint8Array(new ArrayBuffer(ATTR_BYTES))
    shared = { bytes, view: new DataView(bytes.buffer), address: libc().address(bytes) }
  }
  shared.bytes.fill(0)
  return shared
}

/** Points a field to a buffer, which the caller holds until the call is over. No buffer is NULL. */
function point({ view }: Attr, at: number, buffer: Uint8Array | undefined): void {
  if (buffer !== undefined) view.setBigUint64(at, libc().address(buffer), true)
}

function words({ view }: Attr, fields: readonly (readonly [at: number, value: number])[]): void {
  for (const [at, value] of fields) view.setUint32(at, value, true)
}

function call(command: number, attr: Attr): number {
  return libc().syscall(Syscall.BPF, command, attr.address, ATTR_BYTES)
}

export interface MapCreate {
  readonly type: number
  readonly keySize: number
  readonly valueSize: number
  readonly maxEntries: number
  readonly flags: number
  readonly extra: bigint
  readonly name: string
  readonly innerMapFd?: number | undefined
  readonly numaNode?: number | undefined
  /** BTF with the types of key and value. */
  readonly btf?: { readonly fd: number; readonly key: number; readonly value: number } | undefined
}

/** The map's descriptor. */
export function mapCreate(create: MapCreate): number {
  const attr = freshAttr()
  words(attr, [
    [0, create.type],
    [4, create.keySize],
    [8, create.valueSize],
    [12, create.maxEntries],
    [16, create.flags],
    [20, create.innerMapFd ?? 0],
    [24, create.numaNode ?? 0],
    [48, create.btf?.fd ?? 0],
    [52, create.btf?.key ?? 0],
    [56, create.btf?.value ?? 0],
  ])
  attr.bytes.set(nameBytes(create.name), 28)
  attr.view.setBigUint64(64, create.extra, true)
  return call(Command.MAP_CREATE, attr)
}

/** `value` takes the value (look-up), holds it (update), or takes the next key. */
function element(
  command: number,
  fd: number,
  key: Uint8Array | undefined,
  value: Uint8Array | undefined,
  flags: number,
): number {
  const attr = freshAttr()
  words(attr, [[0, fd]])
  point(attr, 8, key)
  point(attr, 16, value)
  attr.view.setBigUint64(24, BigInt(flags), true)
  return call(command, attr)
}

export function mapLookup(fd: number, key: Uint8Array | undefined, value: Uint8Array): number {
  return element(Command.MAP_LOOKUP_ELEM, fd, key, value, 0)
}

export function mapUpdate(fd: number, key: Uint8Array | undefined, value: Uint8Array, flags: number): number {
  return element(Command.MAP_UPDATE_ELEM, fd, key, value, flags)
}

export function mapDelete(fd: number, key: Uint8Array | undefined): number {
  return element(Command.MAP_DELETE_ELEM, fd, key, undefined, 0)
}

export function mapNextKey(fd: number, key: Uint8Array | undefined, next: Uint8Array): number {
  return element(Command.MAP_GET_NEXT_KEY, fd, key, next, 0)
}

export function mapLookupAndDelete(fd: number, key: Uint8Array | undefined, value: Uint8Array): number {
  return element(Command.MAP_LOOKUP_AND_DELETE_ELEM, fd, key, value, 0)
}

export interface MapBatch {
  readonly fd: number
  readonly kind: 'lookup' | 'take' | 'update' | 'delete'
  /** Elements that there is room for, or that are given. */
  readonly count: number
  readonly keys: Uint8Array
  readonly values?: Uint8Array | undefined
  readonly flags: number
  /** Look-ups: where to begin, and where to write the next beginning. */
  readonly cursor?: Uint8Array | undefined
  readonly next?: Uint8Array | undefined
}

const BATCH_COMMANDS = {
  lookup: Command.MAP_LOOKUP_BATCH,
  take: Command.MAP_LOOKUP_AND_DELETE_BATCH,
  update: Command.MAP_UPDATE_BATCH,
  delete: Command.MAP_DELETE_BATCH,
} as const

/** `result`: 0 or -errno; `count`: elements done. */
export function mapBatch(batch: MapBatch): { readonly result: number; readonly count: number } {
  const attr = freshAttr()
  words(attr, [
    [32, batch.count],
    [36, batch.fd],
  ])
  point(attr, 0, batch.cursor)
  point(attr, 8, batch.next)
  point(attr, 16, batch.keys)
  point(attr, 24, batch.values)
  attr.view.setBigUint64(40, BigInt(batch.flags), true)
  const result = call(BATCH_COMMANDS[batch.kind], attr)
  return { result, count: attr.view.getUint32(32, true) }
}

export function mapFreeze(fd: number): number {
  const attr = freshAttr()
  words(attr, [[0, fd]])
  return call(Command.MAP_FREEZE, attr)
}

/** Loads BTF. `log` takes what the kernel says against it, NUL-terminated. */
export function btfLoad(btf: Uint8Array, log?: Uint8Array): number {
  const attr = freshAttr()
  point(attr, 0, btf)
  point(attr, 8, log)
  words(attr, [
    [16, btf.length],
    [20, log?.length ?? 0],
    [24, log === undefined ? 0 : 1],
  ])
  return call(Command.BTF_LOAD, attr)
}

export interface ProgramLoad {
  readonly type: number
  readonly name: string
  /** Encoded, eight bytes a slot. */
  readonly insns: Uint8Array
  readonly license: string
  readonly flags: number
  readonly expectedAttachType: number
  readonly logLevel: number
  /** Takes the log, NUL-terminated; none at level 0. */
  readonly log: Uint8Array | undefined
  /** BTF and its func_info records of eight bytes. */
  readonly btf: { readonly fd: number; readonly funcInfo: Uint8Array } | undefined
}

const FUNC_INFO_BYTES = 8

export interface Loaded {
  /** The program's descriptor, or -errno. */
  readonly result: number
  /** Bytes that the whole log takes, the NUL at its end included; may be more than there was room for. */
  readonly logSize: number
}

/** Loads that are begun anew before EAGAIN is taken for the answer. */
const MAX_INTERRUPTIONS = 16

export function programLoad(load: ProgramLoad): Loaded {
  const attr = freshAttr()
  const license = new TextEncoder().encode(`${load.license}\0`)
  const { btf, log } = load
  words(attr, [
    [0, load.type],
    [4, load.insns.length / 8],
    [24, load.logLevel],
    [28, log?.length ?? 0],
    [44, load.flags],
    [68, load.expectedAttachType],
    [72, btf?.fd ?? 0],
    [76, btf === undefined ? 0 : FUNC_INFO_BYTES],
    [88, btf === undefined ? 0 : btf.funcInfo.length / FUNC_INFO_BYTES],
  ])
  attr.bytes.set(nameBytes(load.name), 48)
  point(attr, 8, load.insns)
  point(attr, 16, license)
  point(attr, 32, log)
  point(attr, 80, btf?.funcInfo)
  let result = call(Command.PROG_LOAD, attr)
  // The verifier gives up for any signal that comes meanwhile, those that Node sends itself included.
  for (let times = 0; times < MAX_INTERRUPTIONS && result === -ERRNO.EAGAIN; times++) {
    result = call(Command.PROG_LOAD, attr)
  }
  return { result, logSize: attr.view.getUint32(140, true) }
}

export interface TestRun {
  readonly fd: number
  readonly repeat: number
  /** Copied in; syscall programs' contexts are copied back here. */
  readonly ctx: Uint8Array | undefined
  readonly ctxOut: Uint8Array | undefined
  readonly data: Uint8Array | undefined
  readonly dataOut: Uint8Array | undefined
}

export interface TestRunResult {
  /** 0 or -errno. */
  readonly result: number
  /** u32 */
  readonly retval: number
  /** Nanoseconds a run, on average. */
  readonly duration: number
  /** Bytes that there are; more than the buffer takes with ENOSPC. */
  readonly dataSize: number
  readonly ctxSize: number
}

export function testRun(run: TestRun): TestRunResult {
  const attr = freshAttr()
  words(attr, [
    [0, run.fd],
    [8, run.data?.length ?? 0],
    [12, run.dataOut?.length ?? 0],
    [32, run.repeat],
    [40, run.ctx?.length ?? 0],
    [44, run.ctxOut?.length ?? 0],
  ])
  point(attr, 16, run.data)
  point(attr, 24, run.dataOut)
  point(attr, 48, run.ctx)
  point(attr, 56, run.ctxOut)
  const result = call(Command.PROG_TEST_RUN, attr)
  const word = (at: number): number => attr.view.getUint32(at, true)
  return { result, retval: word(4), dataSize: word(12), duration: word(36), ctxSize: word(44) }
}

/** Gives a descriptor back. */
export function closeFd(fd: number): void {
  closeSync(fd)
}
