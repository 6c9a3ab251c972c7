/**
 * BPF_PROG_LOAD of a linked program: names of maps become descriptors, those of kfuncs ids in the kernel's BTF, and
 * what the verifier has to say against it a VerifierError, as from harena's own.
 */
import { ErrnoError, HarenaError, type SourcePosition, VerifierError, type VerifierStats } from '../errors/errors.ts'
import { encode, type Slot } from '../isa/instruction.ts'
import { CallKind, Pseudo, SLOT_BYTES } from '../isa/opcode.ts'
import { isOwnKfunc } from '../program/kfuncs.ts'
import type { LinkedProgram } from '../program/loadable.ts'
import { PROGRAM_FLAGS, PROGRAM_TYPES } from '../program/types.ts'
import { missingForPackets } from './availability.ts'
import { type Loaded, programLoad } from './bpf.ts'
import { kernelFunction } from './kernel-btf.ts'
import { errnoOf } from './libc.ts'
import { readLog } from './log.ts'

/** A linked program; what raw instructions lack may be left out. */
export type LinuxImage = Pick<LinkedProgram, 'name' | 'type' | 'insns'> & Partial<LinkedProgram>

export interface LoadRequest {
  readonly image: LinuxImage
  /** Descriptors of the maps that it names. */
  readonly maps: ReadonlyMap<string, number>
  /** Descriptor of the object's BTF. */
  readonly btfFd: number | undefined
  readonly logLevel: number
}

export interface LoadedProgram {
  readonly fd: number
  readonly log: string
  readonly stats: VerifierStats
}

/** BPF_F_* attach types (enum bpf_attach_type) of the program types that need one. */
const ATTACH_TYPES: Readonly<Record<string, number>> = { fentry: 24, fexit: 25, lsm: 27 }

/**
 * @throws VerifierError when the kernel refuses it, or when it names what the kernel has not; ErrnoError EPERM when this
 * process may not load programs of that type
 */
export function loadProgram(request: LoadRequest): LoadedProgram {
  const { image, logLevel } = request
  const load = {
    type: PROGRAM_TYPES[image.type].number,
    name: image.name,
    insns: instructionBytes(request),
    license: image.license ?? '',
    flags: (image.flags ?? 0) | (image.type === 'syscall' ? PROGRAM_FLAGS.sleepable : 0),
    expectedAttachType: ATTACH_TYPES[image.type] ?? 0,
    btf: programBtf(request),
  }
  const attempt = (level: number): Attempt => withLog(level, (log) => programLoad({ ...load, logLevel: level, log }))
  const { result, log } = attempt(logLevel)
  if (result >= 0) return { fd: result, log, stats: readLog(log).stats }
  // Without a log there is no reason: it is asked for once more.
  const told = logLevel === 0 ? attempt(1) : { result, log }
  throw rejection(image, told.result, told.log, log)
}

interface Attempt {
  readonly result: number
  readonly log: string
}

/** Most bytes that the kernel takes for a log buffer. */
const MAX_LOG_BYTES = 2 ** 30 - 1
const FIRST_LOG_BYTES = 2 ** 16

/** Kept from load to load: most logs are short. */
let logBuffer: Uint8Array | undefined

/** Loads with a log buffer that is made larger until the log fits. */
function withLog(level: number, load: (log: Uint8Array | undefined) => Loaded): Attempt {
  if (level === 0) return { result: load(undefined).result, log: '' }
  logBuffer ??= new Uint8Array(FIRST_LOG_BYTES)
  let buffer = logBuffer
  // What is refused before the verifier begins leaves the buffer as it was.
  buffer[0] = 0
  let loaded = load(buffer)
  while (loaded.result < 0 && errnoOf(loaded.result) === 'ENOSPC' && loaded.logSize > buffer.length) {
    // The log of a second load may be a few bytes longer: it holds the time taken.
    const size = Math.min(loaded.logSize + 256, MAX_LOG_BYTES)
    if (size <= buffer.length) throw new HarenaError(`the log of ${loaded.logSize} bytes is too long for the kernel`)
    buffer = new Uint8Array(size)
    loaded = load(buffer)
  }
  // Not by the size that the kernel tells, which is the longest that the log has been.
  return { result: loaded.result, log: new TextDecoder().decode(buffer.subarray(0, buffer.indexOf(0))) }
}

function instructionBytes({ image, maps }: LoadRequest): Uint8Array {
  const bytes = encode(image.insns)
  const view = new DataView(bytes.buffer)
  const setSource = (slot: Slot, source: number): void => {
    const at = slot * SLOT_BYTES + 1
    view.setUint8(at, (view.getUint8(at) & 15) | (source << 4))
  }
  const setImm = (slot: Slot, imm: number): void => view.setInt32(slot * SLOT_BYTES + 4, imm, true)
  for (const reference of image.references ?? []) {
    const { slot } = reference
    switch (reference.kind) {
      case 'map':
        setSource(slot, Pseudo.MAP_FD)
        setImm(slot, descriptor(maps, image, reference.name))
        break
      case 'map-value':
        setSource(slot, Pseudo.MAP_VALUE)
        setImm(slot, descriptor(maps, image, reference.name))
        setImm(slot + 1, reference.offset)
        break
      case 'kfunc':
        setSource(slot, CallKind.KFUNC)
        setImm(slot, kfuncId(image, reference.name, slot))
        break
      case 'alloc':
        throw ownRejection(image, `.alloc ${reference.name} is harena's own; Linux has no such thing`, slot)
      case 'call':
      case 'callback':
        throw new HarenaError(`program ${image.name}: function ${reference.name} is not linked in`)
      default:
        reference satisfies never
    }
  }
  return bytes
}

function descriptor(maps: ReadonlyMap<string, number>, image: LinuxImage, name: string): number {
  const fd = maps.get(name)
  if (fd === undefined) throw new HarenaError(`program ${image.name} refers to a map ${name}, not there`)
  return fd
}

/** Id of a kernel function. harena's own kfuncs have namesakes in the kernel that are something else. */
function kfuncId(image: LinuxImage, name: string, slot: Slot): number {
  if (isOwnKfunc(name)) {
    throw ownRejection(image, `${name} is harena's own; Linux has no such kfunc`, slot)
  }
  const id = kernelFunction(name)
  if (id === undefined) throw ownRejection(image, `this kernel has no function ${name}`, slot)
  return id
}

function ownRejection(image: LinuxImage, reason: string, slot: Slot): VerifierError {
  const fields = { program: image.name, reason, log: `${reason}\n`, source: sourceOf(image, slot) }
  return new VerifierError({ ...fields, errno: 'EOPNOTSUPP', instruction: slot })
}

/** func_info goes with BTF that describes each subprogram; labels that are called have no type. */
function programBtf({ image, btfFd }: LoadRequest): { fd: number; funcInfo: Uint8Array } | undefined {
  const functions = image.subprograms ?? []
  if (btfFd === undefined || functions.length === 0 || functions.some((one) => one.typeId === 0)) return undefined
  const words = new Uint32Array(functions.flatMap((one) => [one.start, one.typeId]))
  return { fd: btfFd, funcInfo: new Uint8Array(words.buffer) }
}

function rejection(image: LinuxImage, result: number, told: string, log: string): HarenaError {
  const errno = errnoOf(result)
  const what = `program ${image.name}`
  if (errno === undefined) return new HarenaError(`${what}: the kernel answers error ${-result}\n${told}`)
  const { reason, instruction, stats } = readLog(told)
  // EPERM without a word of the verifier is about rights, and says nothing of the program.
  const missing = errno === 'EPERM' && told === '' ? missingForPackets() : undefined
  if (missing !== undefined) {
    return new ErrnoError(errno, `${what} of type ${image.type} is not loaded: this process lacks ${missing}`)
  }
  const source = instruction === undefined ? undefined : sourceOf(image, instruction)
  return new VerifierError({
    program: image.name,
    errno,
    instruction,
    reason,
    log,
    source,
    stats,
  })
}

function sourceOf({ lines }: LinuxImage, slot: Slot): SourcePosition | undefined {
  const line = lines?.findLast((one) => one.slot <= slot)
  return line === undefined ? undefined : { file: line.file, line: line.line, column: line.column }
}
