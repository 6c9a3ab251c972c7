/**
 * Which pages of a live arena have memory. User space cannot tell without making it so: touching an absent page
 * faults it in, and mincore(2) knows only what this mapping touched. A BPF program can: it tries to read a byte of
 * each page at its kernel address, which answers an error for what is absent and changes nothing.
 *
 *     arena map -> kern_vm -> addr + 32 KiB of guard + low 32 bits of the user address   (Linux 6.9 to 6.18)
 */
import { assemble } from '../asm/assemble.ts'
import { HarenaError, InternalError } from '../errors/errors.ts'
import { link } from '../program/link.ts'
import type { LinkedProgram } from '../program/loadable.ts'
import type { MapSpec } from '../program/object.ts'
import { PAGE_SIZE } from '../program/types.ts'
import { closeFd, testRun } from './bpf.ts'
import { createMap } from './create-map.ts'
import { DataMap } from './data-map.ts'
import { kernelMember } from './kernel-btf.ts'
import { refused } from './libc.ts'
import { loadProgram } from './load.ts'

/** Pages of one run: some tens of milliseconds where all are absent. */
const PAGES_A_RUN = 65_536

// The counter is a global: its values are unknown to the verifier, which so walks the loop but twice. may_goto ends a
// loop that takes too long; the result says how far it came.
const SOURCE = `
    .map target type=arena entries=1
    .global page: u64
    .global bitmap: u8[${PAGES_A_RUN / 8}]

    .program probe type=syscall
        r6 = *(u64 *)(r1 + 0)            # user address of the first page
        r7 = *(u64 *)(r1 + 8)            # pages
        r1 = target ll
        r8 = *(u64 *)(r1 + KERN_VM)
        r8 = *(u64 *)(r8 + ADDR)
        r8 += 0x8000                     # half of the guard
        r1 = page ll
        r2 = 0
        *(u64 *)(r1 + 0) = r2
    next:
        r1 = page ll
        r9 = *(u64 *)(r1 + 0)
        if r9 >= r7 goto done
        may_goto done
        r3 = r9
        r3 <<= 12
        r3 += r6
        w3 = w3
        r3 += r8
        r1 = r10
        r1 += -8
        r2 = 1
        call bpf_probe_read_kernel
        if r0 != 0 goto absent
        r1 = bitmap ll
        r2 = r9
        r2 >>= 3
        r2 &= ${PAGES_A_RUN / 8 - 1}
        r1 += r2
        w3 = 1
        r2 = r9
        r2 &= 7
        w3 <<= w2
        w2 = *(u8 *)(r1 + 0)
        w2 |= w3
        *(u8 *)(r1 + 0) = w2
    absent:
        r1 = page ll
        r9 += 1
        *(u64 *)(r1 + 0) = r9
        goto next
    done:
        r0 = r9
        exit
`

interface Prober {
  readonly image: LinkedProgram
  readonly data: MapSpec
  /** Where in the data the bitmap is. */
  readonly bitmapAt: number
}

let prober: Prober | undefined

/** The program, with this kernel's offsets in it. */
function makeProber(): Prober {
  const offsets = { KERN_VM: ['bpf_arena', 'kern_vm'], ADDR: ['vm_struct', 'addr'] } as const
  let constants = ''
  for (const [name, [struct, member]] of Object.entries(offsets)) {
    const offset = kernelMember(struct, member)
    if (offset === undefined)
      throw new HarenaError(`this kernel has no ${struct}.${member}: resident pages are unknown`)
    constants += `.set ${name}, ${offset}\n`
  }
  const object = assemble(constants + SOURCE, { file: 'present-pages' })
  const data = object.maps.find((map) => map.name === '.bss')
  const bitmap = object.globals.find((global) => global.name === 'bitmap')
  if (data === undefined || bitmap === undefined) throw new InternalError('the bitmap of resident pages is missing')
  return { image: link(object, 'probe'), data, bitmapAt: bitmap.offset }
}

/** Page numbers from `start` on, ascending; `fd` is the arena's descriptor. */
export function presentPages(fd: number, start: bigint, pages: number): number[] {
  prober ??= makeProber()
  const { image, data } = prober
  const dataFd = createMap(data)
  // Neither outlives the question: the program holds the arena.
  const descriptors = [dataFd]
  let mapped: DataMap | undefined
  try {
    mapped = new DataMap(data.name, dataFd, data.valueSize, true)
    const maps = new Map([
      ['target', fd],
      [data.name, dataFd],
    ])
    const program = loadProgram({ image, maps, btfFd: undefined, logLevel: 1 })
    descriptors.push(program.fd)
    return probe(program.fd, mapped.bytes.subarray(prober.bitmapAt), start, pages)
  } finally {
    mapped?.close()
    descriptors.forEach(closeFd)
  }
}

function probe(program: number, bitmap: Uint8Array, start: bigint, pages: number): number[] {
  const present: number[] = []
  const ctx = new BigUint64Array(2)
  for (let first = 0; first < pages; ) {
    const count = Math.min(PAGES_A_RUN, pages - first)
    ctx.set([start + BigInt(first * PAGE_SIZE), BigInt(count)])
    bitmap.fill(0, 0, PAGES_A_RUN / 8)
    const given = new Uint8Array(ctx.buffer)
    const run = testRun({ fd: program, repeat: 0, ctx: given, ctxOut: undefined, data: undefined, dataOut: undefined })
    if (run.result < 0) throw refused(run.result, 'looking for resident pages')
    if (run.retval === 0) throw new HarenaError('the kernel gave no time to look for resident pages')
    for (let page = 0; page < run.retval; page++) {
      if (((bitmap[page >> 3]! >> (page & 7)) & 1) === 1) present.push(first + page)
    }
    first += run.retval
  }
  return present
}
