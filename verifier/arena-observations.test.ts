/**
 * Every verdict on arena programs that Linux 6.18 gave: the table of spec/arena-edge-cases.md (i), row by row under the
 * names it has there, and the sizes of (c) that no atomic has. Accepted programs are run as well.
 *
 * A line `raw HEX` of a program stands for one slot of just these bytes, for what no assembler writes.
 */
import { describe, expect, test } from 'vitest'
import { assemble } from '../asm/assemble.ts'
import { normalised } from '../check/differential/compare.ts'
import { explain } from '../check/differential/known-differences.ts'
import { type LinkedProgram, Machine, type ObjectSpec, type Program, VerifierError } from '../index.ts'
import { decode } from '../isa/instruction.ts'
import { LinuxMachine } from '../linux/index.ts'
import type { LinuxProgram } from '../linux/program.ts'
import { skipWithoutKernel } from '../linux/testing.ts'
import { link } from '../program/link.ts'
import { PROGRAM_FLAGS, type ProgramType } from '../program/types.ts'
import { bindMaps, judge } from './testing.ts'

const MAPS = `
.map arena    type=arena entries=16 extra=0x100000000000
.map other    type=arena entries=16 extra=0x200000000000
.map unplaced type=arena entries=16
.map array    type=array key=4 value=8 entries=1
.license "GPL"
`

/** Placeholder of a raw slot: `r0 = MARK + n`. */
const MARK = 0x5eed_0000

interface Probe {
  readonly name: string
  /** Instructions, functions behind them; `r0 = 0` and `exit` are added when there is no exit. */
  readonly body: string
  readonly type?: ProgramType
  readonly flags?: number
  /** `ERRNO message`; absent: accepted. */
  readonly refused?: string
  /** What the run gave, as BPF_PROG_TEST_RUN of syscall programs has it. */
  readonly retval?: number
  /** What harena says instead where it knows the thing and does not implement it. */
  readonly missing?: string
}

function assembled({ body, type = 'syscall', flags = 0 }: Probe): { object: ObjectSpec; linked: LinkedProgram } {
  const raw: string[] = []
  const lines = body.replaceAll(/raw ([0-9a-f]{16})/gu, (_, hex: string) => `r0 = ${MARK + raw.push(hex) - 1}`)
  const end = /\bexit\b/u.test(lines) ? '' : '\nr0 = 0\nexit'
  const object = assemble(`${MAPS}.program probe type=${type}\n${lines}${end}\n`)
  const linked = link(object, 'probe')
  const insns = linked.insns.map((insn) => {
    const hex = insn.row.name === 'mov64_imm' ? raw[insn.imm - MARK] : undefined
    return hex === undefined ? insn : decode(Uint8Array.from(hex.match(/../gu)!, (b) => Number.parseInt(b, 16)))[0]!
  })
  return { object, linked: { ...linked, insns, flags: linked.flags | flags } }
}

/** Every probe that was tried, so that the running kernel can be asked about all of them. */
const tried = new Map<string, Probe>()

/** Loads and, where a syscall program is accepted, runs the probe. */
function outcome(probe: Probe): string | number {
  tried.set(JSON.stringify({ ...probe, name: '' }), probe)
  return outcomeOn(new Machine(), probe)
}

function outcomeOn(machine: Machine | LinuxMachine, probe: Probe): string | number {
  try {
    const { object, linked } = assembled(probe)
    // Not by load, which would map the arenas.
    const program =
      machine instanceof LinuxMachine ? onLinux(machine, object, linked) : onHarena(machine, object, linked)
    return linked.type === 'syscall' ? program.run({ ctx: new Uint8Array(16) }).retval : 'accepted'
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error
    return `${error.errno} ${error.reason}`
  } finally {
    machine.close()
  }
}

function onHarena(machine: Machine, { maps }: ObjectSpec, linked: LinkedProgram): Program {
  return machine.loadProgram(linked, new Map(maps.map((spec) => [spec.name, machine.createMap(spec)])))
}

function onLinux(machine: LinuxMachine, { maps }: ObjectSpec, linked: LinkedProgram): LinuxProgram {
  return machine.loadProgram(linked, new Map(maps.map((spec) => [spec.name, machine.createMap(spec)])))
}

const TWO_ARENAS = 'EBUSY Only one arena per program'
const NO_ARENA = 'EINVAL addr_space_cast insn can only be used in a program that has an associated arena'
const BAD_CAST = 'EINVAL addr_space_cast insn can only convert between address space 1 and 0'
const scalar = (n: number): string => `EACCES R${n} invalid mem access 'scalar'`
const NO_MEMORY = 'type=arena expected=fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_'

/** The arena is known, r8 is the context, r1 an arena pointer to byte 8. */
const POINTER = 'r8 = r1\nr9 = arena ll\nr1 = 8\nr1 = addr_space_cast(r1, 0, 1)\n'
/** A pointer to the value of the array, in r2; r1 is kept. */
const MAP_VALUE = `r6 = r1
r1 = array ll
r2 = r10
r2 += -4
*(u32 *)(r10 - 4) = 0
call bpf_map_lookup_elem
if r0 == 0 goto none
r2 = r0
r1 = r6
`
const NONE = '\nr0 = 0\nexit\nnone:\nr0 = 0\nexit'

const ALLOC = 'r1 = arena ll\nr2 = 0\nw3 = 1\nw4 = -1\nr5 = 0\ncall bpf_arena_alloc_pages\n'

/** bpf_arena_alloc_pages(array, NULL, 1, -1, 0) with some arguments otherwise; `undefined` leaves one unset. */
function alloc(changes: Readonly<Record<string, string | undefined>>): string {
  const args = { r1: 'arena ll', r2: '0', r3: '1', r4: '-1', r5: '0', ...changes }
  const lines = Object.entries(args).map(([register, value]) => (value === undefined ? '' : `${register} = ${value}\n`))
  return `${lines.join('')}call bpf_arena_alloc_pages`
}

const PROBES: readonly Probe[] = [
  { name: 'two different arenas in one program', body: 'r1 = arena ll\nr1 = other ll', refused: TWO_ARENAS },
  { name: 'the same arena twice', body: 'r1 = arena ll\nr2 = arena ll' },
  {
    name: 'arena without map_extra, never mmapped',
    body: 'r1 = unplaced ll',
    refused: "EINVAL arena's user address must be set via map_extra or mmap()",
  },
  {
    name: 'addr_space_cast(r1,0,1) without an arena map',
    body: 'r1 = addr_space_cast(r1, 0, 1)',
    refused: NO_ARENA,
  },
  {
    name: 'addr_space_cast(r1,1,0) without an arena map',
    body: 'r1 = addr_space_cast(r1, 1, 0)',
    refused: NO_ARENA,
  },
  { name: 'addr_space_cast with imm 2', body: 'r9 = arena ll\nraw bf11010002000000', refused: BAD_CAST },
  { name: 'addr_space_cast with imm 0 (off 1)', body: 'r9 = arena ll\nraw bf11010000000000', refused: BAD_CAST },
  { name: 'addr_space_cast with imm 0x10001', body: 'r9 = arena ll\nraw bf11010001000100', refused: BAD_CAST },
  {
    name: '32-bit mov with off 1 (addr_space_cast in ALU32)',
    body: 'r9 = arena ll\nraw bc11010001000000',
    refused: 'EINVAL BPF_MOV uses reserved fields',
  },
  {
    name: 'cast_kern of uninitialised register',
    body: 'r9 = arena ll\nr3 = addr_space_cast(r3, 0, 1)',
    refused: 'EACCES R3 !read_ok',
  },
  { name: 'cast_kern of ctx pointer', body: 'r9 = arena ll\nr2 = addr_space_cast(r1, 0, 1)' },
  { name: 'cast_kern of frame pointer', body: 'r9 = arena ll\nr2 = addr_space_cast(r10, 0, 1)' },
  { name: 'cast_user of ctx pointer', body: 'r9 = arena ll\nr2 = addr_space_cast(r1, 1, 0)' },
  {
    name: 'cast_user of frame pointer, then use as scalar',
    body: 'r9 = arena ll\nr2 = addr_space_cast(r10, 1, 0)\nr2 *= 3\nif r2 > 7 goto +0',
  },
  { name: 'cast_kern of a PTR_TO_ARENA', body: `${POINTER}r1 = addr_space_cast(r1, 0, 1)\nr2 = *(u64 *)(r1 + 0)` },
  {
    name: 'load through an uncast (scalar) pointer',
    body: 'r9 = arena ll\nr1 = 0x100000000000 ll\nr0 = *(u64 *)(r1 + 0)',
    refused: scalar(1),
  },
  {
    name: 'load through a cast_user result',
    body: `${POINTER}r1 = addr_space_cast(r1, 1, 0)\nr0 = *(u64 *)(r1 + 0)`,
    refused: scalar(1),
  },
  {
    name: 'load through the arena map pointer itself (r9+0)',
    body: 'r9 = arena ll\nr0 = *(u64 *)(r9 + 0)',
    missing: 'loads from struct bpf_arena',
  },
  { name: 'LD_IMM64 BPF_PSEUDO_MAP_VALUE of arena, off 0', body: 'r1 = arena + 0 ll' },
  {
    name: 'PSEUDO_MAP_VALUE off 8192, cast_kern, load',
    body: 'r1 = arena + 8192 ll\nr1 = addr_space_cast(r1, 0, 1)\nr0 = *(u64 *)(r1 + 0)',
  },
  { name: 'PSEUDO_MAP_VALUE off 65536 (= size)', body: 'r1 = arena + 65536 ll' },
  { name: 'PSEUDO_MAP_VALUE off 65535', body: 'r1 = arena + 65535 ll' },
  {
    name: 'PSEUDO_MAP_VALUE of arena used without cast',
    body: 'r1 = arena + 0 ll\nr0 = *(u64 *)(r1 + 0)',
    refused: scalar(1),
  },
  {
    name: 'bpf_map_lookup_elem on the arena',
    body: 'r1 = arena ll\n*(u64 *)(r10 - 8) = 0\nr2 = r10\nr2 += -8\ncall bpf_map_lookup_elem',
    refused: 'EACCES invalid zero-sized read',
  },
  {
    name: 'bpf_map_update_elem on the arena',
    body: 'r1 = arena ll\n*(u64 *)(r10 - 8) = 0\nr2 = r10\nr2 += -8\nr3 = r2\nr4 = 0\ncall bpf_map_update_elem',
    refused: 'EACCES invalid zero-sized read',
  },
  {
    name: 'bpf_for_each_map_elem on the arena (callback = insn 8)',
    // r2 is the address of the function at slot 8.
    body: 'r1 = arena ll\nraw 1842000005000000\nraw 0000000000000000\nr3 = 0\nr4 = 0\ncall 164\nexit\nr0 = 0\nexit',
    refused: 'EINVAL missing btf func_info',
  },
  { name: 'arena ptr += scalar, load', body: `${POINTER}r2 = 64\nr1 += r2\nr0 = *(u64 *)(r1 + 0)` },
  {
    name: 'scalar += arena ptr, load through the scalar',
    body: `${POINTER}r2 = 64\nr2 += r1\nr0 = *(u64 *)(r2 + 0)`,
  },
  { name: 'arena ptr -= arena ptr', body: `${POINTER}r2 = r1\nr1 -= r2` },
  { name: 'arena ptr *= 2, load', body: `${POINTER}r1 *= 2\nr0 = *(u64 *)(r1 + 0)` },
  { name: 'arena ptr &= mask, load', body: `${POINTER}r1 &= 0xfff\nr0 = *(u64 *)(r1 + 0)` },
  { name: 'arena ptr <<= 1, load', body: `${POINTER}r1 <<= 1\nr0 = *(u64 *)(r1 + 0)` },
  { name: 'arena ptr = -arena ptr, load', body: `${POINTER}r1 = -r1\nr0 = *(u64 *)(r1 + 0)`, refused: scalar(1) },
  { name: 'bswap of arena ptr, load', body: `${POINTER}r1 = bswap64 r1\nr0 = *(u64 *)(r1 + 0)`, refused: scalar(1) },
  { name: '32-bit add on arena ptr (w1 += 8), load', body: `${POINTER}w1 += 8\nr0 = *(u64 *)(r1 + 0)` },
  {
    name: 'w2 = w1 (32-bit mov of arena ptr), load via r2',
    body: `${POINTER}w2 = w1\nr0 = *(u64 *)(r2 + 0)`,
    refused: scalar(2),
  },
  { name: 'r2 = r1 (mov of arena ptr), load via r2', body: `${POINTER}r2 = r1\nr0 = *(u64 *)(r2 + 0)` },
  { name: 'arena ptr + map_value pointer (add)', body: `${POINTER}${MAP_VALUE}r1 += r2${NONE}` },
  { name: 'map_value pointer += arena ptr', body: `${POINTER}${MAP_VALUE}r2 += r1${NONE}` },
  { name: 'if arena ptr == 0', body: `${POINTER}if r1 == 0 goto +0` },
  { name: 'if arena ptr > 100', body: `${POINTER}if r1 > 100 goto +0` },
  { name: 'if arena ptr == arena ptr', body: `${POINTER}r2 = r1\nif r1 == r2 goto +0` },
  {
    name: 'spill arena ptr to stack, fill, load',
    body: `${POINTER}*(u64 *)(r10 - 8) = r1\nr2 = *(u64 *)(r10 - 8)\nr0 = *(u64 *)(r2 + 0)`,
  },
  { name: 'store arena ptr into arena memory', body: `${POINTER}*(u64 *)(r1 + 0) = r1` },
  { name: 'store map_value pointer into arena memory', body: `${POINTER}${MAP_VALUE}*(u64 *)(r1 + 0) = r2${NONE}` },
  { name: 'store ctx pointer into arena memory', body: `${POINTER}*(u64 *)(r1 + 0) = r8` },
  { name: 'store frame pointer into arena memory', body: `${POINTER}*(u64 *)(r1 + 0) = r10` },
  { name: 'store arena ptr into an array map value', body: `${POINTER}${MAP_VALUE}*(u64 *)(r2 + 0) = r1${NONE}` },
  { name: 'return an arena ptr from the program (r0)', body: `${POINTER}r0 = r1\nexit`, retval: 8 },
  {
    name: 'arena ptr as helper memory argument (bpf_probe_read_kernel dst)',
    body: `${POINTER}r2 = 8\nr3 = 0\ncall bpf_probe_read_kernel`,
    refused: `EACCES R1 ${NO_MEMORY}`,
    missing: 'bpf_probe_read_kernel',
  },
  {
    name: 'arena ptr as src of bpf_probe_read_kernel (ARG_ANYTHING)',
    body: `${POINTER}r3 = r1\nr1 = r10\nr1 += -8\nr2 = 8\ncall bpf_probe_read_kernel`,
    missing: 'bpf_probe_read_kernel',
  },
  {
    name: 'arena ptr as map key of bpf_map_lookup_elem',
    body: `${POINTER}r2 = r1\nr1 = array ll\ncall bpf_map_lookup_elem`,
    refused: `EACCES R2 ${NO_MEMORY}`,
  },
  {
    name: 'BPF_ST imm to arena (u8,u16,u32,u64)',
    body: `${POINTER}*(u8 *)(r1 + 0) = 1\n*(u16 *)(r1 + 2) = 2\n*(u32 *)(r1 + 4) = 3\n*(u64 *)(r1 + 8) = 4`,
  },
  { name: 'LDSX s8 load from arena', body: `${POINTER}r0 = *(s8 *)(r1 + 0)` },
  { name: 'LDSX s32 load from arena', body: `${POINTER}r0 = *(s32 *)(r1 + 0)` },
  {
    name: 'atomic fetch_or on arena',
    body: `${POINTER}r2 = 7\nr2 = atomic_fetch_or((u64 *)(r1 + 0), r2)`,
    refused: 'EACCES BPF_ATOMIC stores into R1 arena is not allowed',
  },
  { name: 'atomic or (no fetch) on arena', body: `${POINTER}r2 = 7\nlock *(u64 *)(r1 + 0) |= r2` },
  { name: 'xchg of an arena ptr with arena memory', body: `${POINTER}r2 = r1\nr2 = xchg_64(r1 + 0, r2)` },
  {
    name: 'load result used as pointer again after cast_kern (list walk)',
    body: `${POINTER}r2 = *(u64 *)(r1 + 0)\nr2 = addr_space_cast(r2, 0, 1)\nr0 = *(u64 *)(r2 + 0)`,
  },
  {
    name: 'load result of arena used as pointer without cast',
    body: `${POINTER}r2 = *(u64 *)(r1 + 0)\nr0 = *(u64 *)(r2 + 0)`,
    refused: scalar(2),
  },
  {
    name: 'insn off +32767 and -32768',
    body: `${POINTER}r0 = *(u8 *)(r1 + 32767)\nr0 = *(u8 *)(r1 - 32768)\n*(u8 *)(r1 + 32767) = 1\n*(u8 *)(r1 - 32768) = 1`,
  },
  {
    name: 'static subprog taking arena ptr and loading',
    body: `${POINTER}call sub\nr0 = 0\nexit\n.func sub\nr0 = *(u64 *)(r1 + 0)\nexit`,
  },
  {
    name: 'static subprog returning arena ptr, caller loads',
    body: `${POINTER}call sub\nr0 = *(u64 *)(r0 + 0)\nexit\n.func sub\nr0 = r1\nexit`,
  },
  {
    name: 'alloc_pages return value used directly as pointer',
    body: `${ALLOC}r0 = *(u64 *)(r0 + 0)`,
    refused: scalar(0),
  },
  {
    name: 'alloc_pages return value, cast_kern, load',
    body: `${ALLOC}r1 = addr_space_cast(r0, 0, 1)\nr0 = *(u64 *)(r1 + 0)`,
  },
  { name: 'alloc_pages with map arg = array map', body: `${alloc({ r1: 'array ll' })}\nexit` },
  {
    name: 'alloc_pages with map arg = scalar',
    body: alloc({ r1: '0' }),
    refused: 'EACCES Possibly NULL pointer passed to trusted arg0',
  },
  {
    name: 'alloc_pages with map arg = PTR_TO_ARENA',
    body: `${POINTER}${alloc({ r1: 'r1' })}`,
    refused: "EINVAL pointer in R1 isn't map pointer",
  },
  { name: 'alloc_pages addr arg = ctx pointer (__ign)', body: `r8 = r1\n${alloc({ r2: 'r8' })}` },
  { name: 'alloc_pages addr arg uninitialised (__ign)', body: alloc({ r2: undefined }) },
  { name: 'alloc_pages page_cnt arg = pointer', body: alloc({ r3: 'r10' }), refused: 'EINVAL R3 is not a scalar' },
  {
    name: 'alloc_pages page_cnt arg uninitialised',
    body: alloc({ r3: undefined }),
    refused: 'EINVAL R3 is not a scalar',
  },
  {
    name: 'alloc_pages page_cnt = unknown scalar',
    body: `call bpf_get_prandom_u32\nr7 = r0\n${alloc({ r3: 'r7' })}`,
  },
  {
    name: 'free_pages with PTR_TO_ARENA pointer',
    body: `${POINTER}r2 = r1\nr1 = r9\nr3 = 1\ncall bpf_arena_free_pages`,
  },
  {
    name: 'r0 after free_pages (void kfunc) read',
    body: 'r1 = arena ll\nr2 = 0\nr3 = 1\ncall bpf_arena_free_pages\nr2 = r0',
    refused: 'EACCES R0 !read_ok',
  },
  {
    name: 'only the alloc kfunc, map via LDMAP, then cast of its result (arena known)',
    body: `${ALLOC}r1 = addr_space_cast(r0, 0, 1)\n*(u64 *)(r1 + 0) = 1\nr0 = *(u64 *)(r1 + 0)\nexit`,
    retval: 1,
  },
  {
    name: 'kfunc call with off=1 (fd_array index, none)',
    body: 'r9 = arena ll\nraw 8520010001000000',
    refused: 'EPROTO failed to find BTF for kernel function',
  },
]

describe('(i) syscall programs', () => {
  test.each(PROBES)('$name', (probe) => {
    const { refused, retval = 0, missing } = probe
    expect(outcome(probe)).toBe(
      missing === undefined ? (refused ?? retval) : `EOPNOTSUPP harena does not implement ${missing}`,
    )
  })

  // Helpers that no engine runs are verified all the same.
  test.each(PROBES.filter(({ missing }) => missing?.startsWith('bpf_probe')))(
    '$name, by the verifier alone',
    (probe) => {
      const { object, linked } = assembled(probe)
      const found = judge(bindMaps(object, linked))
      expect(found.accepted ? undefined : `${found.error.errno} ${found.error.reason}`).toBe(probe.refused)
    },
  )

  test('stream probe', () => {
    const body = 'r9 = arena ll\nr1 = 1\nr2 = r10\nr3 = r10\nr4 = 0\nr5 = 0\ncall bpf_stream_vprintk_impl'
    expect(outcome({ name: '', body })).toBe('EOPNOTSUPP harena does not implement bpf_stream_vprintk_impl')
  })
})

const KFUNCS = ['bpf_arena_alloc_pages', 'bpf_arena_free_pages', 'bpf_arena_reserve_pages'] as const
const ACCESS = `${POINTER}r0 = *(u64 *)(r1 + 0)\n*(u64 *)(r1 + 0) = r0`
const calls = (name: string): string => `r1 = arena ll\nr2 = 0\nr3 = 1\nr4 = -1\nr5 = 0\ncall ${name}`

describe.each(['socket', 'xdp', 'kprobe'] as const)('(i) %s programs', (type) => {
  test('arena load/store', () => expect(outcome({ name: '', type, body: ACCESS })).toBe('accepted'))

  test.each(KFUNCS)('%s', (name) => {
    const message = `EACCES program must be sleepable to call sleepable kfunc ${name}`
    expect(outcome({ name, type, body: calls(name) })).toBe(message)
  })
})

test.each([ACCESS, ...KFUNCS.map(calls)])('(i) sleepable kprobe programs: %s', (body) => {
  expect(outcome({ name: '', type: 'kprobe', flags: PROGRAM_FLAGS.sleepable, body })).toBe('accepted')
})

describe('(i) program types that are not implemented', () => {
  const TYPES = ['tc', 'raw_tracepoint'] as const
  const bodies = [ACCESS, ...KFUNCS.map(calls)]

  test.each(TYPES)('%s', (type) => {
    for (const body of bodies) {
      expect(outcome({ name: '', type, body })).toBe(`EOPNOTSUPP harena does not implement program type ${type}`)
    }
  })
})

describe('(c) atomics that no size or memory has', () => {
  test.each([
    ['add16', 'cb21000000000000', 'EINVAL invalid atomic operand size'],
    ['fetch_add8', 'd321000001000000', 'EINVAL invalid atomic operand size'],
    ['xchg8', 'd3210000e1000000', 'EINVAL invalid atomic operand size'],
    ['cmpxchg16', 'cb210000f1000000', 'EINVAL invalid atomic operand size'],
    ['fetch_or64', 'db21000041000000', 'EACCES BPF_ATOMIC stores into R1 arena is not allowed'],
    ['fetch_and64', 'db21000051000000', 'EACCES BPF_ATOMIC stores into R1 arena is not allowed'],
    ['fetch_xor32', 'c3210000a1000000', 'EACCES BPF_ATOMIC stores into R1 arena is not allowed'],
  ])('%s', (name, hex, refused) => {
    expect(outcome({ name, body: `${POINTER}r2 = 7\nr0 = 0x10\nraw ${hex}` })).toBe(refused)
  })

  test.each([
    ['load_acquire8', 'd312000000010000'],
    ['load_acquire16', 'cb12000000010000'],
    ['store_release8', 'd321000010010000'],
    ['store_release16', 'cb21000010010000'],
  ])('%s has one', (name, hex) => {
    expect(outcome({ name, body: `${POINTER}r2 = 7\nraw ${hex}` })).toBe(0)
  })
})

describe('(f) a pointer in the context', () => {
  test('an arena pointer may be stored there, and is the low half of the address', () => {
    const machine = new Machine()
    const body =
      'r9 = arena ll\nr2 = 0x100000001234 ll\nr2 = addr_space_cast(r2, 0, 1)\n*(u64 *)(r1 + 0) = r2\nr0 = 0\nexit'
    const program = machine
      .load(assemble(`.map arena type=arena entries=16 extra=0x100000000000\n.program p type=syscall\n${body}\n`))
      .program('p')
    const ctx = new Uint8Array(8)
    program.run({ ctx })
    expect(new DataView(ctx.buffer).getBigUint64(0, true)).toBe(0x1234n)
    machine.close()
  })
})

test('the running kernel says the same of every program above', (ctx) => {
  skipWithoutKernel(ctx, 'packets')
  expect(tried.size).toBeGreaterThan(100)
  const different = [...tried.values()].flatMap((probe) => {
    const harena = String(outcomeOn(new Machine(), probe))
    const linux = String(outcomeOn(new LinuxMachine(), probe))
    const verdict = (text: string): string => normalised(/^\d+$/u.test(text) ? 'accepted' : text)
    const verdicts = { harena: verdict(harena), linux: verdict(linux) }
    return harena === linux || explain(verdicts) !== undefined ? [] : [{ probe, harena, linux }]
  })
  expect(different).toEqual([])
})
