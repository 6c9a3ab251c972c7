import { describe, expect, test } from 'vitest'
import { file, harena, useFolder } from './testing.ts'

useFolder()

const FILLS = file(
  'fills.bpf.s',
  `.map table type=hash key=4 value=8 entries=16 flags=no_prealloc
.program fills type=syscall
    r1 = 7
    *(u32 *)(r10 - 4) = r1
    *(u64 *)(r10 - 16) = r1
    r1 = table ll
    r2 = r10
    r2 += -4
    r3 = r10
    r3 += -16
    r4 = 0
    call bpf_map_update_elem
    exit
`,
)

describe('memstat', () => {
  test('shows the result, then the caches after the run and settled', async () => {
    const { status, stdout } = await harena(['memstat', FILLS])
    expect(status).toBe(0)
    expect(stdout).toMatch(/^fills: returned 0 \(0x0\)\n/)
    expect(stdout).toMatch(/after the run:\n {2}pages: \d+ \(.+\)\n {2}grace periods: rcu \d+/)
    expect(stdout).toMatch(/settled:\n/)
    expect(stdout).toMatch(/allocator +cpu +size +free +low +high/)
  })

  test('--object-limit: the group of the file', async () => {
    const { status, stdout } = await harena(['memstat', FILLS, '--object-limit', '65536', '--cpus', '2'])
    expect(status).toBe(0)
    expect(stdout).toMatch(/\n {2}group .*fills\.bpf\.s: \d{4,} of 65536 bytes in use, in stock by CPU: \d+, 0\n/u)
    const small = await harena(['memstat', FILLS, '--object-limit', '4096', '--json'])
    expect([small.status, JSON.parse(small.stdout)]).toMatchObject([2, { errno: 'ENOMEM' }])
    expect((await harena(['memstat', FILLS])).stdout).not.toContain('group')
  })

  test('for machines', async () => {
    const { memstat, retval } = JSON.parse((await harena(['memstat', FILLS, '--json'])).stdout)
    expect(retval).toBe(0)
    expect(memstat.run.caches.length).toBeGreaterThan(0)
    expect(memstat.run.caches[0]).toMatchObject({ cpu: 0, failures: 0 })
    expect(memstat.settled.gracePeriods.pending).toBe(0)
  })

  test('--events shows each thing that happens, in order', async () => {
    const { status, stdout } = await harena(['memstat', FILLS, '--events'])
    expect(status).toBe(0)
    const lines = stdout.split('\n').filter((line) => line.includes(' ns  CPU '))
    expect(lines.map((line) => Number(line.slice(0, 6)))).toEqual(lines.map((_, index) => index + 1))
    expect(
      lines.filter((line) => /irq-work|refill/u.test(line)).map((line) => line.trim().replace(/^\d+ +/u, '')),
    ).toEqual([
      '0 ns  CPU 0 task     irq-work-raised     refill of map table, 72 bytes, CPU 0 (raised)',
      '0 ns  CPU 0 hardirq  irq-work-run        refill of map table, 72 bytes, CPU 0',
      '0 ns  CPU 0 hardirq  refill              map table, 72 bytes: 3 free, 48 added',
    ])
    // In front of the result, as they happened before it was known.
    expect(stdout.indexOf('program-end')).toBeLessThan(stdout.indexOf('returned 0'))
  })

  test('--events for machines, and nothing without', async () => {
    const { memstat, events } = JSON.parse((await harena(['memstat', FILLS, '--events', '--json'])).stdout)
    expect(memstat.run.caches.length).toBeGreaterThan(0)
    expect(events).toContainEqual({
      number: expect.any(Number),
      time: '0',
      cpu: 0,
      context: 'hardirq',
      kind: 'refill',
      allocator: 'map table',
      unit: 72,
      count: 3,
      moved: 48,
    })
    expect(JSON.parse((await harena(['memstat', FILLS, '--json'])).stdout)).not.toHaveProperty('events')
  })

  test("is about harena's own allocators", async () => {
    const { status, stderr } = await harena(['memstat', FILLS, '--engine', 'linux'])
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: "harena: memstat shows harena's own allocators, not the kernel's\n",
    })
  })
})
