/** Memory through the command line: debug reports, exhaustion, and the policies of the allocators. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { file, harena, ROOT, useFolder } from './testing.ts'

useFolder()

const MISUSE = join(ROOT, 'examples/debug-reports/debug-reports.bpf.s')
const EXHAUSTION = join(ROOT, 'examples/exhaustion/exhaustion.bpf.s')

describe('run --policy debug=on', () => {
  const debug = (program: string, ...more: string[]) =>
    harena(['run', MISUSE, '--unchecked', '--policy', 'debug=on', '--program', program, ...more])

  test.each([
    ['double_free', /^double-free: 0x\w+ \(pool\) freed again by program double_free, instruction 12 \(.*:23\);/],
    ['double_drop', /^double-free: 0x\w+ \(bpf_global_ma\) freed again by program double_drop, instruction 10 /],
    ['use_after_free', /^use-after-free: read of 8 bytes at offset 16 of 0x\w+ .* by program use_after_free, inst/],
    ['past_the_end', /^red-zone: write of 8 bytes at offset 96 of 0x\w+ .* by program past_the_end, instruction 4 /],
    ['stale_value', /^use-after-free: write of 8 bytes at offset 56 of 0x\w+ \(map hits\) by program stale_value/],
  ])('%s: one line on standard error, and the program goes on', async (program, line) => {
    const { status, stdout, stderr } = await debug(program)
    expect(stderr).toMatch(line)
    expect(
      stderr
        .trimEnd()
        .split('\n')
        .every((text) => /; (allocated|freed) by program \w+, instr/.test(text)),
    ).toBe(true)
    expect({ status, stdout: stdout.startsWith(`${program}: returned `) }).toEqual({ status: 0, stdout: true })
  })

  test('--json carries them as data', async () => {
    const { stdout } = await debug('double_free', '--json')
    const { reports } = JSON.parse(stdout)
    expect(reports).toMatchObject([
      {
        kind: 'double-free',
        allocator: 'pool',
        address: expect.stringMatching(/^0xffff8880\w{8}$/),
        by: { program: 'double_free', instruction: 12, source: { line: 23 } },
        freedBy: { instruction: 8 },
      },
    ])
  })

  test('--json has an empty array where nothing is wrong, none without the policy', async () => {
    const fine = file('fine.bpf.s', 'r0 = 0\nexit\n')
    expect(JSON.parse((await harena(['run', fine, '--policy', 'debug=on', '--json'])).stdout).reports).toEqual([])
    expect(JSON.parse((await harena(['run', fine, '--json'])).stdout)).not.toHaveProperty('reports')
  })

  test('without it, a second free is a fault', async () => {
    const { status, stderr } = await harena(['run', MISUSE, '--unchecked', '--program', 'double_free'])
    expect(status).toBe(3)
    expect(stderr).toContain('is no memory of the allocator at instruction 12')
  })

  test('the help lists its values', async () => {
    expect((await harena(['run', '--help'])).stdout).toContain('debug=off (default)|on  ')
  })
})

describe('at the memory limit', () => {
  test.each([
    ['keep', false, /held by map slots: \d{4} objects in kptr fields/, /^keep: returned 1\d{3} /],
    ['grow', false, /held by map log: \d{4} elements/, /^grow: returned 4294967284 /],
    ['leak', true, /held by program leak: \d{3} objects/, /^leak: returned 7\d\d /],
    ['leak_pool', true, /held by alloc pool: \d{4} objects/, /^leak_pool: returned 1\d{3} /],
  ])('%s ends, and memstat names who holds most', async (program, unchecked, holder, result) => {
    const args = ['memstat', EXHAUSTION, '--memory-limit', '1048576', '--program', program]
    const { status, stdout, stderr } = await harena([...args, ...(unchecked ? ['--unchecked'] : [])])
    expect(status).toBe(0)
    expect(stdout).toMatch(result)
    expect(stdout.split('\n').find((line) => line.includes('held by'))).toMatch(holder)
    expect(stderr).toMatch(
      new RegExp(`^out-of-memory: \\d pages? for program ${program}, instruction \\d+ .*; most is held by `),
    )
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  })

  test('a map that does not fit is ENOMEM', async () => {
    const large = file('large.bpf.s', '.map m type=array key=4 value=4096 entries=1000\nr0 = 0\nexit\n')
    const { status, stderr } = await harena(['run', large, '--memory-limit', '1048576'])
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: 'harena: large.bpf.s: map m: no memory for 4096000 bytes of values: ENOMEM\n',
    })
  })
})

describe('--policy reaches the allocators', () => {
  const TAKE = file(
    'take.bpf.s',
    `.alloc pool size=64
.program take type=syscall
    r6 = 0
    r7 = 0
next:
    r1 = pool ll
    call bpf_mem_cache_alloc
    if r0 == 0 goto none
    r7 += 1
none:
    r6 += 1
    if r6 < 10 goto next
    r0 = r7
    exit
.program dry type=syscall
    r1 = r10
    r1 += -8
    call bpf_local_irq_save
more:
    r1 = pool ll
    call bpf_mem_cache_alloc
    if r0 != 0 goto more
    r1 = r10
    r1 += -8
    call bpf_local_irq_restore
    r0 = 0
    exit
`,
  )
  const seen = async (program: string, ...options: string[]) => {
    const { stdout } = await harena(['memstat', TAKE, '--program', program, '--unchecked', '--json', ...options])
    const { retval, memstat } = JSON.parse(stdout)
    const pool = memstat.run.caches.find(({ name }: { name: string }) => name === 'pool')
    return { retval, pool, slabs: memstat.run.slabs.map(({ name }: { name: string }) => name) }
  }
  const policy = (text: string): string[] => ['--policy', text]

  test('slab', async () => {
    expect((await seen('take', ...policy('slab=own'))).slabs).toContain('bpf-pool')
    expect((await seen('take', ...policy('slab=shared'))).slabs).not.toContain('bpf-pool')
  })

  test('watermarks', async () => {
    expect((await seen('dry', ...policy('watermarks=adaptive'))).pool).toMatchObject({ low: 64, high: 192 })
    expect((await seen('dry', ...policy('watermarks=fixed'))).pool).toMatchObject({ low: 32, high: 96 })
  })

  test('sleepable', async () => {
    expect((await seen('take', '--rt', ...policy('sleepable=cache-only'))).retval).toBe(4)
    expect(await seen('take', '--rt', ...policy('sleepable=cache-first'))).toMatchObject({ retval: 10, pool: { F: 0 } })
    expect(await seen('take', '--rt', ...policy('sleepable=general-first'))).toMatchObject({
      retval: 10,
      pool: { F: 4 },
    })
  })

  test('selfInterrupt', async () => {
    expect(await seen('take', ...policy('selfInterrupt=false'))).toMatchObject({ retval: 4, pool: { F: 0 } })
    expect(await seen('take', ...policy('selfInterrupt=true'))).toMatchObject({ retval: 10, pool: { F: 42 } })
  })

  test('nolock', async () => {
    // In an NMI that finds the lock of its class held, 6.18 asks the next larger class; the plan of 2024 gave up.
    const busy = file(
      'busy.bpf.s',
      `.map plain type=hash key=u32 value=u64 entries=4096 flags=no_prealloc elements=kmalloc
.map late  type=hash key=u32 value=u64 entries=65536 flags=no_prealloc elements=kmalloc_nolock
.global failed: u64
.global key: u64
.license "GPL"
.program main type=syscall
    r6 = 0
next:
    *(u32 *)(r10 - 4) = r6
    *(u64 *)(r10 - 16) = 1
    r1 = plain ll
    r2 = r10
    r2 += -4
    r3 = r10
    r3 += -16
    r4 = 0
    call bpf_map_update_elem
    r6 += 1
    if r6 < 150 goto next
    r0 = 0
    exit
.program probe type=kprobe
    r7 = key ll
    r6 = *(u64 *)(r7 + 0)
    r6 += 1
    *(u64 *)(r7 + 0) = r6
    *(u32 *)(r10 - 4) = r6
    *(u64 *)(r10 - 16) = 1
    r1 = late ll
    r2 = r10
    r2 += -4
    r3 = r10
    r3 += -16
    r4 = 0
    call bpf_map_update_elem
    if r0 == 0 goto done
    r7 = failed ll
    r6 = *(u64 *)(r7 + 0)
    r6 += 1
    *(u64 *)(r7 + 0) = r6
done:
    r0 = 0
    exit
`,
    )
    const failures = async (value: string): Promise<number> => {
      const inject = ['--program', 'main', '--inject', 'probe@nmi:each', '--json']
      const { stdout } = await harena(['run', busy, ...inject, ...policy(`nolock=${value}`)])
      return Number(JSON.parse(stdout).globals.failed ?? 0)
    }
    const [built, planned] = [await failures('6.18'), await failures('planned')]
    expect([built, planned > 100]).toEqual([0, true])
  })
})
