/**
 * The text of a program of edges.ts. Registers and stack of it, and of the function that it calls:
 *
 *     r0, r2    numbers, lost at calls          fp-8    rounds of a loop
 *     r3        a pointer into the stack        fp-16   the sum, over calls that clobber it
 *     r5        the sum                         fp-80   the places, 64 bytes
 *     r1, r6+   pointers into the arena         fp-88   a pointer into the stack, kept
 */
import type fc from 'fast-check'
import {
  ATOMICS,
  type EdgeArena,
  type EdgeProgram,
  type EdgeStep,
  edgeProgram,
  type FramePlace,
  type FrameStep,
  PAGE,
  POINTERS,
} from './edges.ts'
import type { GeneratedProgram } from './write-program.ts'

/** Pages that are looked at for nothing, rather than to ask again. */
const MAX_GAP = 16
const WINDOW_BASE = 0x1000_0000_0000n
const PLACES_AT = 80
const PLACES_BYTES = 64

/** Texts of programs. */
export const edgeText: fc.Arbitrary<string> = edgeProgram.map(writeEdgeProgram)

/** Where pages can be: those that the program allocates, and one behind each. */
export function rangesOf({ arena, pages }: EdgeProgram): Pick<GeneratedProgram, 'within'> {
  if (arena.pages <= pages.length) return {}
  const ascending = [...pages].sort((a, b) => a - b)
  const ranges: { first: number; count: number }[] = []
  for (const page of ascending) {
    const last = ranges.at(-1)
    const end = Math.min(arena.pages, page + 2)
    if (last !== undefined && page <= last.first + last.count + MAX_GAP) last.count = end - last.first
    else ranges.push({ first: page, count: end - page })
  }
  return { within: { arena: ranges } }
}

/** What all of a program's text is written with. */
interface Context {
  readonly program: EdgeProgram
  labels: number
  calls: boolean
}

export function writeEdgeProgram(program: EdgeProgram): string {
  const { arena, present, starts, steps, callee } = program
  const context: Context = { program, labels: 0, calls: false }
  const main = [
    ...present.flatMap((page) => [...allocate(page, 1), ...fill(page)]),
    'r5 = 1',
    ...numbers(),
    ...writePlaces(program.places),
    ...starts.flatMap((at, n) => point(POINTERS[n]!, at)),
    ...steps.flatMap((step) => write(step, context)),
    'r0 = sum ll',
    '*(u64 *)(r0 + 0) = r5',
    'r0 = r5',
    'exit',
  ]
  return [
    headOf(arena),
    '.map one type=array key=4 value=8 entries=2',
    '.global sum: u64',
    '.license "GPL"',
    '.program main type=syscall',
    ...indented(main),
    ...(context.calls ? ['.func callee', ...indented(writeCallee(callee, context))] : []),
    '',
  ].join('\n')
}

function headOf({ first, pages, plain }: EdgeArena): string {
  const base = WINDOW_BASE + BigInt(first * PAGE)
  return `.map arena type=arena entries=${pages} flags=mmapable${plain ? '|no_user_conv' : ''} extra=0x${base.toString(16)}`
}

/** r1: into the arena, r2: the sum, r3: eight bytes of the caller's places. */
function writeCallee(steps: readonly EdgeStep[], context: Context): string[] {
  return [
    'r5 = r2',
    'r5 += 7',
    '*(u64 *)(r10 - 88) = r3',
    'r4 = *(u64 *)(r3 + 0)',
    ...add('r4'),
    '*(u64 *)(r3 + 0) = r5',
    ...numbers(),
    ...writePlaces(context.program.places),
    ...POINTERS.filter((n) => n !== 1).flatMap((n, at) => [`r${n} = r1`, `r${n} += ${[0, 8, -8, PAGE][at]!}`]),
    ...steps.flatMap((step) => write(step, context)),
    'r0 = r5',
    'exit',
  ]
}

const indented = (lines: readonly string[]): string[] => lines.map((line) => `    ${line}`)

/** Something in the registers that calls leave without. */
const numbers = (): string[] => ['r0 = 3', 'r2 = 5']

function writePlaces(places: readonly FramePlace[]): string[] {
  return places.map(({ offset, bytes }, n) => `*(u${8 * bytes} *)(${inFrame(offset)}) = ${n * 37 - 100}`)
}

const inFrame = (offset: number): string => `r10 - ${PLACES_AT - offset}`

/** r1 to r5 are lost, r0 has what was allocated. */
function allocate(page: number, count: number): string[] {
  const at = `0x${(WINDOW_BASE + BigInt(page * PAGE)).toString(16)}`
  return ['r1 = arena ll', `r2 = ${at} ll`, `w3 = ${count}`, 'w4 = -1', 'r5 = 0', 'call bpf_arena_alloc_pages']
}

/** Something other than zeros at both ends of a page, and in its middle. */
function fill(page: number): string[] {
  const words = [0, 8, 16, 2048, PAGE - 24, PAGE - 16, PAGE - 8]
  return [
    ...point(1, page * PAGE),
    ...words.map((at, n) => `*(u64 *)(r1 + ${at}) = ${((page + 3) * 0x1234567 * (n + 1)) | 0}`),
  ]
}

function free(page: number, count: number): string[] {
  const at = `0x${(WINDOW_BASE + BigInt(page * PAGE)).toString(16)}`
  return ['r1 = arena ll', `r2 = ${at} ll`, `w3 = ${count}`, 'call bpf_arena_free_pages', 'r0 = 9']
}

function point(to: number, at: number): string[] {
  return [`r${to} = 0x${at.toString(16)} ll`, `r${to} = addr_space_cast(r${to}, 0, 1)`]
}

const place = (register: number, off: number): string => `r${register} ${off < 0 ? '-' : '+'} ${Math.abs(off)}`

/** What has come back goes into the sum. */
const add = (register: string): string[] => ['r5 *= 31', `r5 += ${register}`]

/** Around a call of something that does not know of the sum; of r0 behind it that is told. */
function aroundCall(lines: readonly string[]): string[] {
  return ['*(u64 *)(r10 - 16) = r5', ...lines, 'r5 = *(u64 *)(r10 - 16)', ...add('r0'), ...numbers(), 'r1 = r6']
}

function write(given: EdgeStep, context: Context): string[] {
  switch (given.kind) {
    case 'point':
      return point(given.to, given.at)
    case 'copy':
      return [`r${given.to} = r${given.from}`]
    case 'move':
      return [`r${given.to} += ${given.by}`]
    case 'shift':
      return ['r2 = r5', `r2 &= ${given.mask}`, `r${given.to} += r2`]
    case 'load': {
      const type = `${given.signed && given.bytes < 8 ? 's' : 'u'}${8 * given.bytes}`
      return [`r2 = *(${type} *)(${place(given.from, given.off)})`, ...add('r2')]
    }
    case 'follow':
      return [
        `r2 = *(u64 *)(${place(given.from, given.off)})`,
        ...add('r2'),
        `r${given.to} = addr_space_cast(r2, 0, 1)`,
      ]
    case 'store': {
      const value = given.value ?? 'r5'
      const narrow = given.value === undefined && given.bytes < 8 ? 'w5' : value
      return [`*(u${8 * given.bytes} *)(${place(given.to, given.off)}) = ${narrow}`]
    }
    case 'link': {
      const cast = given.user ? `addr_space_cast(r${given.from}, 1, 0)` : `r${given.from}`
      return [`r2 = ${cast}`, `*(u64 *)(${place(given.to, given.off)}) = r2`, ...numbers()]
    }
    case 'atomic':
      return writeAtomic(given)
    case 'pages': {
      const page = context.program.pages[given.page]!
      return aroundCall(given.free ? free(page, given.count) : allocate(page, given.count))
    }
    case 'frame':
    case 'look-up':
    case 'meet':
    case 'keep':
      return writeFrame(given, context)
    case 'burst': {
      const steps = given.steps.flatMap((each) => write(each, context))
      return given.apart ? ['goto +0', ...steps, 'goto +0'] : steps
    }
    case 'if': {
      const label = context.labels++
      const body = given.steps.flatMap((each) => write(each, context))
      return [`if w5 & ${1 << given.bit} goto skip${label}`, ...body, `skip${label}:`]
    }
    case 'loop':
      return writeLoop(given, context)
    case 'tangle':
      return writeTangle(given, context)
    case 'scan':
      return writeScan(given, context)
    case 'call': {
      context.calls = true
      const word = PLACES_AT - 8 * (given.place % (PLACES_BYTES / 8))
      const call = ['r2 = r5', `r1 = r${given.from}`, `r1 += ${given.off}`, 'r3 = r10', `r3 += -${word}`, 'call callee']
      return aroundCall(call)
    }
    default:
      throw new Error(`a step of kind ${(given satisfies never as EdgeStep).kind}`)
  }
}

function writeAtomic({ to, off, which, same }: Extract<EdgeStep, { kind: 'atomic' }>): string[] {
  const [text, result] = ATOMICS[which]!
  const line = text.replace(/\(P/u, `(${place(to, off)}`)
  const load = result === 'r0' && same ? [`r0 = *(u64 *)(${place(to, off)})`] : []
  return ['r2 = r5', ...load, line, ...(result === 'none' ? [] : add(result))]
}

/** Counts in memory, so that no register is lost to it. */
function countDown(head: string): string[] {
  return ['r3 = *(u64 *)(r10 - 8)', 'r3 += -1', '*(u64 *)(r10 - 8) = r3', `if r3 != 0 goto ${head}`]
}

function writeLoop({ rounds, may, steps }: Extract<EdgeStep, { kind: 'loop' }>, context: Context): string[] {
  return loopOf(rounds, may, () => steps.flatMap((each) => write(each, context)), context)
}

function loopOf(rounds: number, may: boolean, body: () => readonly string[], context: Context): string[] {
  const label = context.labels++
  return [
    `*(u64 *)(r10 - 8) = ${rounds}`,
    `again${label}:`,
    ...(may ? [`may_goto end${label}`] : []),
    ...body(),
    ...countDown(`again${label}`),
    ...(may ? [`end${label}:`] : []),
  ]
}

/** The steps stand behind half of the loads: what they do to the pointer the others have to follow. */
function writeScan(given: Extract<EdgeStep, { kind: 'scan' }>, context: Context): string[] {
  const { rounds, through, at, loads, middle, by, steps } = given
  const half = loads.length >> 1
  const scanned = loads.map((load) => [...write({ kind: 'load', from: through, ...load }, context), 'goto +0'])
  const body = (): string[] => [
    ...scanned.slice(0, half).flat(),
    ...(middle === 0 ? [] : [`r${through} += ${middle}`]),
    ...steps.flatMap((each) => write(each, context)),
    ...scanned.slice(half).flat(),
    `r${through} += ${by}`,
  ]
  return [...(at === undefined ? [] : point(through, at)), ...loopOf(rounds, false, body, context)]
}

/** Entered at its head or in its middle. */
function writeTangle({ rounds, bit, steps, more }: Extract<EdgeStep, { kind: 'tangle' }>, context: Context): string[] {
  const label = context.labels++
  return [
    `*(u64 *)(r10 - 8) = ${rounds}`,
    `if w5 & ${1 << bit} goto middle${label}`,
    `again${label}:`,
    ...steps.flatMap((each) => write(each, context)),
    `middle${label}:`,
    ...more.flatMap((each) => write(each, context)),
    ...countDown(`again${label}`),
  ]
}

function writeFrame(given: FrameStep, { program: { places } }: Context): string[] {
  const at = (pick: number): FramePlace => places[pick % places.length]!
  switch (given.kind) {
    case 'frame':
      return writeAccess(given, at(given.place))
    case 'look-up': {
      const { offset } = at(given.place)
      return aroundCall([
        'r1 = one ll',
        'r2 = r10',
        `r2 += -${PLACES_AT - (offset & ~3)}`,
        'call bpf_map_lookup_elem',
        'if r0 == 0 goto +1',
        'r0 = *(u64 *)(r0 + 0)',
      ])
    }
    case 'meet': {
      const [a, b] = [at(given.a), at(given.b)]
      const bytes = Math.min(a.bytes, b.bytes)
      return [
        'r3 = r10',
        `r3 += -${PLACES_AT - a.offset}`,
        `if w5 & ${1 << given.bit} goto +2`,
        'r3 = r10',
        `r3 += -${PLACES_AT - b.offset}`,
        `r2 = *(u${8 * bytes} *)(r3 + 0)`,
        ...add('r2'),
      ]
    }
    case 'keep': {
      const { offset, bytes } = at(given.place)
      return [
        'r3 = r10',
        `r3 += -${PLACES_AT - offset}`,
        '*(u64 *)(r10 - 88) = r3',
        'r3 = *(u64 *)(r10 - 88)',
        `r2 = *(u${8 * bytes} *)(r3 + 0)`,
        ...add('r2'),
      ]
    }
    default:
      throw new Error(`a step of kind ${(given satisfies never as FrameStep).kind}`)
  }
}

/** As the place lies, mostly: then it may be kept elsewhere. */
function writeAccess(given: Extract<FrameStep, { kind: 'frame' }>, { offset, bytes }: FramePlace): string[] {
  const size = given.odd ?? bytes
  const at = offset - (offset % size)
  const through = given.pointer ? ['r3 = r10', `r3 += -${PLACES_AT - at + 8}`] : []
  const where = given.pointer ? 'r3 + 8' : inFrame(at)
  switch (given.op) {
    case 'load': {
      const type = `${given.signed && size < 8 ? 's' : 'u'}${8 * size}`
      return [...through, `r2 = *(${type} *)(${where})`, ...add('r2')]
    }
    case 'store':
      return [...through, `*(u${8 * size} *)(${where}) = ${given.value}`]
    case 'store-sum':
      return [...through, `*(u${8 * size} *)(${where}) = ${size === 8 ? 'r5' : 'w5'}`]
    case 'atomic': {
      // Computing atomics are of 32 or 64 bits.
      const wide = size === 8
      const aligned = wide ? at : at & ~3
      return [
        'r2 = r5',
        `${wide ? 'r2' : 'w2'} = atomic_fetch_add((u${wide ? 64 : 32} *)(${inFrame(aligned)}), ${wide ? 'r2' : 'w2'})`,
        ...add('r2'),
      ]
    }
    default:
      throw new Error(`an access of kind ${given.op satisfies never}`)
  }
}
