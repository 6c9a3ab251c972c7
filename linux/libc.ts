/**
 * The C library, as far as bpf(2) needs it: system calls, mmap, addresses of buffers. Through koffi, an optional
 * package that is loaded on first use, so that importing harena/linux costs nothing and fails nowhere.
 */
import { createRequire } from 'node:module'
import { ERRNO, type Errno, ErrnoError, HarenaError, InternalError } from '../errors/errors.ts'

/** What of koffi is used. Integers beyond 2^53 come as bigint, others as number. */
interface Koffi {
  load(path: null): { func(definition: string): (...args: readonly unknown[]) => number | bigint }
  address(buffer: ArrayBufferView): number | bigint
  view(address: bigint, length: number): ArrayBuffer
  errno(): number
}

/** System call numbers of x86-64. */
export const Syscall = {
  MINCORE: 27,
  MADVISE: 28,
  GETTID: 186,
  SCHED_SETAFFINITY: 203,
  SCHED_GETAFFINITY: 204,
  BPF: 321,
} as const

export interface Libc {
  /** A system call's result; negative is -errno. */
  syscall(number: number, a: number | bigint, b: number | bigint, c: number | bigint): number
  /** The address, or -errno. */
  mmap(address: bigint, length: bigint, protection: number, flags: number, fd: number, offset: bigint): bigint
  /** 0 or -errno. */
  munmap(address: bigint, length: bigint): number
  /** 0 or -errno. */
  mprotect(address: bigint, length: bigint, protection: number): number
  /** Where a buffer's bytes are. They stay there for as long as the buffer is held. */
  address(buffer: ArrayBufferView): bigint
  /** Memory at an address as a buffer. Whoever asks sees to it that the memory outlives the buffer. */
  view(address: bigint, length: number): ArrayBuffer
}

let loaded: Libc | undefined

/** @throws HarenaError where koffi is not installed or does not know this system */
export function libc(): Libc {
  loaded ??= wrap(loadKoffi())
  return loaded
}

function loadKoffi(): Koffi {
  try {
    return createRequire(import.meta.url)('koffi') as Koffi
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n', 1)[0] : String(error)
    throw new HarenaError(`it needs the optional package koffi, which cannot be loaded (${why})`)
  }
}

function wrap(koffi: Koffi): Libc {
  const library = koffi.load(null)
  const syscall = library.func('long syscall(long number, uintptr_t a, uintptr_t b, uintptr_t c)')
  const mmap = library.func(
    'intptr_t mmap(uintptr_t address, size_t length, int protection, int flags, int fd, long offset)',
  )
  const munmap = library.func('int munmap(uintptr_t address, size_t length)')
  const mprotect = library.func('int mprotect(uintptr_t address, size_t length, int protection)')
  const result = (value: number | bigint): number => (Number(value) === -1 ? -koffi.errno() : Number(value))
  return {
    syscall: (number, a, b, c) => result(syscall(number, a, b, c)),
    mmap: (address, length, protection, flags, fd, offset) => {
      const at = BigInt(mmap(address, length, protection, flags, fd, offset))
      return at === -1n ? BigInt(-koffi.errno()) : at
    },
    munmap: (address, length) => result(munmap(address, length)),
    mprotect: (address, length, protection) => result(mprotect(address, length, protection)),
    address: (buffer) => BigInt(koffi.address(buffer)),
    view: (address, length) => koffi.view(address, length),
  }
}

const NAMES: ReadonlyMap<number, Errno> = new Map(
  Object.entries(ERRNO).map(([name, number]) => [number, name as Errno] as const),
)

/** The name of a negative result; undefined for one that harena has no name for. */
export function errnoOf(result: number): Errno | undefined {
  if (result >= 0) throw new InternalError(`${result} is no error of a system call`)
  return NAMES.get(-result)
}

/** The error for a negative result of a system call. */
export function refused(result: number, what: string): HarenaError {
  const errno = errnoOf(result)
  return errno === undefined ? new HarenaError(`${what}: error ${-result}`) : new ErrnoError(errno, what)
}
