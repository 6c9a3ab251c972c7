/** harena's own kfuncs, which Linux cannot be asked about: held against what it says of ring buffer records. */
import { describe, expect, test } from 'vitest'
import { judge, loadable, logOf } from './testing.ts'

const HEAD = `.alloc a size=16
.alloc b size=64
.alloc any
.alloc per size=8 percpu
.map x type=hash key=8 value=8 entries=4
`

function source(body: string, type = 'kprobe'): string {
  return `${HEAD}.program p type=${type}\n${body}`
}

/** `accepted`, or errno and message. */
function told(body: string, type?: string): string {
  const verdict = judge(loadable(source(body, type)))
  return verdict.accepted ? 'accepted' : `${verdict.error.errno} ${verdict.error.reason}`
}

const ALLOC = '  r1 = 24\n  call bpf_mem_alloc\n  if r0 == 0 goto out\n  r6 = r0\n'
const CACHE = '  r1 = a ll\n  call bpf_mem_cache_alloc\n  if r0 == 0 goto out\n  r6 = r0\n'
const FREE = '  r1 = r6\n  call bpf_mem_free\n'
const CACHE_FREE = '  r1 = a ll\n  r2 = r6\n  call bpf_mem_cache_free\n'
const OUT = 'out:\n  r0 = 0\n  exit\n'
const NULLABLE = "EACCES R0 invalid mem access 'mem_or_null'"
const MAYBE = 'EACCES R1 type=mem_or_null expected=mem'
const LEAK = 'EINVAL BPF_EXIT instruction in main prog would lead to reference leak'

describe('memory of a size', () => {
  test('is read and written inside it, and given back', () => {
    expect(told(`${ALLOC}  *(u64 *)(r6 + 16) = 1\n  r2 = *(u64 *)(r6 + 0)\n${FREE}${OUT}`)).toBe('accepted')
  })

  test('in the log', () => {
    const log = logOf(source(`${ALLOC}${FREE}${OUT}`))
    expect(log).toContain('R0=mem_or_null(id=2,ref_obj_id=2,sz=24) refs=2\n')
    expect(log).toContain('R6=mem(ref_obj_id=2,sz=24) refs=2\n')
  })

  test.each<[string, string, string]>([
    ['beyond its end', `${ALLOC}  r2 = *(u64 *)(r6 + 24)\n${FREE}${OUT}`, outside(6)],
    ['over its end', `${ALLOC}  *(u64 *)(r6 + 17) = 1\n${FREE}${OUT}`, outside(6)],
    ['not tested for null', '  r1 = 8\n  call bpf_mem_alloc\n  r0 = *(u8 *)(r0 + 0)\n  exit\n', NULLABLE],
    ['not given back', `${ALLOC}${OUT}`, LEAK],
    ['given back on one path', `${ALLOC}  if r7 == 0 goto out\n${FREE}${OUT}`.replace('  r1', '  r7 = r1\n  r1'), LEAK],
    ['given back twice', `${ALLOC}${FREE}${FREE}${OUT}`, 'EACCES R1 type=scalar expected=mem'],
    ['used afterwards', `${ALLOC}${FREE}  r0 = *(u8 *)(r6 + 0)\n${OUT}`, "EACCES R6 invalid mem access 'scalar'"],
    ['given back from inside', `${ALLOC}  r6 += 8\n${FREE}${OUT}`, zeroOffset(1)],
    ['given back untested', '  r1 = 8\n  call bpf_mem_alloc\n  r1 = r0\n  call bpf_mem_free\n  exit\n', MAYBE],
    ['null given back', '  r1 = 0\n  call bpf_mem_free\n  exit\n', 'EACCES R1 type=scalar expected=mem'],
    ['the stack given back', '  r1 = r10\n  call bpf_mem_free\n  exit\n', 'EACCES R1 type=fp expected=mem'],
    ['to the wrong allocator', `${ALLOC}${CACHE_FREE}${OUT}`, 'EINVAL R2 was not allocated by alloc a'],
    ['no bytes', '  r1 = 0\n  call bpf_mem_alloc\n  exit\n', 'EINVAL R1 size 0 is not in [1, 4088]'],
    ['too many', '  r1 = 4089\n  call bpf_mem_alloc\n  exit\n', 'EINVAL R1 size 4089 is not in [1, 4088]'],
    [
      'negative',
      '  r1 = -1\n  call bpf_mem_alloc\n  exit\n',
      'EINVAL R1 size 18446744073709551615 is not in [1, 4088]',
    ],
    ['unknown size', '  r1 = *(u8 *)(r1 + 0)\n  call bpf_mem_alloc\n  exit\n', 'EINVAL R1 must be a known constant'],
    ['a pointer for the size', '  call bpf_mem_alloc\n  exit\n', 'EINVAL R1 is not a scalar'],
  ])('%s', (_name, body, text) => expect(told(body)).toBe(text))

  test.each([1, 4088])('%i bytes', (size) => {
    const last = `  *(u8 *)(r6 + ${size - 1}) = 1\n`
    expect(told(`${ALLOC.replace('24', String(size))}${last}${FREE}${OUT}`)).toBe('accepted')
  })

  test('a helper may take it for its key', () => {
    const lookUp = '  r1 = x ll\n  r2 = r6\n  call bpf_map_lookup_elem\n'
    expect(told(`${ALLOC}${lookUp}${FREE}${OUT}`)).toBe('accepted')
  })
})

describe('objects of an allocator', () => {
  test.each<[string, string, string]>([
    ['of its size', `${CACHE}  *(u64 *)(r6 + 8) = 1\n${CACHE_FREE}${OUT}`, 'accepted'],
    ['beyond its size', `${CACHE}  *(u64 *)(r6 + 16) = 1\n${CACHE_FREE}${OUT}`, outside(6)],
    ['not given back', `${CACHE}${OUT}`, LEAK],
    ['to another', `${CACHE}${CACHE_FREE.replace('a ll', 'b ll')}${OUT}`, 'EINVAL R2 was not allocated by alloc b'],
    ['to the global instance', `${CACHE}${FREE}${OUT}`, 'EINVAL R1 was not allocated by alloc 0'],
    ['from inside', `${CACHE}  r6 += 4\n${CACHE_FREE}${OUT}`, zeroOffset(2)],
    ['of any size', '  r1 = any ll\n  call bpf_mem_cache_alloc\n  exit\n', "EINVAL alloc 'any' has no size of its own"],
    [
      'for each CPU',
      '  r1 = per ll\n  call bpf_mem_cache_alloc\n  exit\n',
      'EOPNOTSUPP harena does not implement per-CPU objects of bpf_mem_cache_alloc',
    ],
    ['of no allocator', '  r1 = 0\n  call bpf_mem_cache_alloc\n  exit\n', "EINVAL pointer in R1 isn't alloc pointer"],
    ['of a map', '  r1 = x ll\n  call bpf_mem_cache_alloc\n  exit\n', "EINVAL pointer in R1 isn't alloc pointer"],
  ])('%s', (_name, body, text) => expect(told(body)).toBe(text))

  test('paths with objects of different allocators are not taken for each other', () => {
    const body = `  r7 = *(u8 *)(r1 + 0)
  r1 = a ll
  if r7 == 0 goto l
  r1 = b ll
l:
  call bpf_mem_cache_alloc
  if r0 == 0 goto out
  r1 = a ll
  r2 = r0
  call bpf_mem_cache_free
`
    expect(told(body + OUT)).toBe('EINVAL R2 was not allocated by alloc a')
  })
})

describe('an allocator’s pointer', () => {
  test('in the log', () => {
    const log = logOf(source('  r6 = a ll\n  r7 = b ll\n  r0 = 0\n  exit\n'))
    expect(log).toContain('R6=alloc_ptr()\n')
    expect(log).toContain('0: (18) r6 = 0xffff8880000001')
  })

  test.each([
    ['r0 = *(u64 *)(r6 + 0)', "EACCES R6 invalid mem access 'alloc_ptr'"],
    ['*(u64 *)(r6 + 0) = 1', "EACCES R6 invalid mem access 'alloc_ptr'"],
    ['r6 += 8', 'EACCES R6 pointer arithmetic on alloc_ptr prohibited'],
    ['*(u64 *)(r10 - 8) = r6\n  r6 = *(u64 *)(r10 - 8)', 'accepted'],
    ['r0 = r6', 'accepted'],
  ])('%s', (line, text) => {
    expect(told(`  r6 = a ll\n  r0 = 0\n  ${line}\n  exit\n`)).toBe(text)
  })

  test('is no memory for helpers', () => {
    expect(told('  r1 = x ll\n  r2 = a ll\n  call bpf_map_lookup_elem\n  exit\n')).toMatch(
      /^EACCES R2 type=alloc_ptr exp/u,
    )
  })
})

describe('prefill', () => {
  const fill = (alloc: string, size: string, count: string): string =>
    told(`  r6 = r1\n  r1 = ${alloc}\n  r2 = ${size}\n  r3 = ${count}\n  call bpf_mem_prefill\n  exit\n`)

  test.each([
    ['0', '16', '100', 'accepted'],
    ['any ll', '16', '100', 'accepted'],
    ['a ll', '16', '-1', 'accepted'],
    ['per ll', '8', '1', 'accepted'],
    ['per ll', '4096', '1', 'accepted'],
    ['per ll', '4097', '1', 'EINVAL R2 size 4097 is not in [1, 4096]'],
    ['1', '16', '1', "EINVAL pointer in R1 isn't alloc pointer"],
    ['0', '0', '1', 'EINVAL R2 size 0 is not in [1, 4088]'],
    ['0', '4089', '1', 'EINVAL R2 size 4089 is not in [1, 4088]'],
    ['0', '16', 'r10', 'EINVAL R3 is not a scalar'],
  ])('%s, %s bytes, %s times', (alloc, size, count, text) => expect(fill(alloc, size, count)).toBe(text))
})

test('every program type may call them, in any section', () => {
  for (const type of ['syscall', 'xdp', 'socket', 'kprobe']) {
    expect(
      told(`  call bpf_preempt_disable\n${ALLOC}${FREE}out:\n  call bpf_preempt_enable\n  r0 = 0\n  exit\n`, type),
    ).toBe('accepted')
  }
})

test('kfuncs that engines lack are refused by name', () => {
  const program = loadable(source(`${ALLOC}${FREE}${OUT}`))
  expect(judge(program, { implementedKfuncs: new Set(['bpf_mem_alloc', 'bpf_mem_free']) }).accepted).toBe(true)
  const found = judge(program, { implementedKfuncs: new Set(['bpf_mem_alloc']) })
  expect(found.accepted ? '' : found.error.reason).toBe('harena does not implement bpf_mem_free')
})

test('program types that machines do not run are refused by name', () => {
  const program = loadable(source('  r0 = 0\n  exit\n'))
  const found = judge(program, { implementedTypes: new Set(['syscall']) })
  expect(found.accepted ? '' : found.error.reason).toBe('harena does not implement program type kprobe')
  expect(judge(program, { implementedTypes: new Set(['kprobe']) }).accepted).toBe(true)
})

function outside(reg: number): string {
  return `EACCES R${reg} min value is outside of the allowed memory range`
}

function zeroOffset(reg: number): string {
  return `EINVAL R${reg} must have zero offset when passed to release func or trusted arg to kfunc`
}
