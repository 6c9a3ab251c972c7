/** The commands beside `run`. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { COUNT, file, folder, harena, type Result, ROOT, TWO, useFolder, WIDE } from './testing.ts'

useFolder()

describe('verify', () => {
  test('every program of the file; exit 1 when one is rejected', async () => {
    const { status, stdout } = await harena(['verify', TWO])
    expect(status).toBe(1)
    expect(stdout).toContain('a: accepted\n')
    expect(stdout).toContain('b: rejected (EACCES): R5 !read_ok\n')
  })

  test('--json: an array of several, an object for one', async () => {
    const several = JSON.parse((await harena(['verify', TWO, '--json'])).stdout)
    expect(several.map((each: { verdict: string }) => each.verdict)).toEqual(['accepted', 'rejected'])
    expect(JSON.parse((await harena(['verify', TWO, '--json', '--program', 'a'])).stdout)).toMatchObject({
      program: 'a',
      verdict: 'accepted',
      processed: 2,
      states: 0,
      peakStates: 0,
      stackDepth: '0',
    })
  })

  test('--log-level 2 prints every state', async () => {
    expect((await harena(['verify', WIDE, '--log-level', '2'])).stdout).toContain('0: R1=ctx() R10=fp0')
  })
})

describe('asm and disasm', () => {
  test('bytes to a file and back', async () => {
    expect((await harena(['asm', WIDE, '-o', 'wide.bin'])).status).toBe(0)
    expect(readFileSync(join(folder, 'wide.bin')).toString('hex')).toBe(
      '1800000088776655000000004433221195'.padEnd(48, '0'),
    )
    const { stdout } = await harena(['disasm', 'wide.bin'])
    expect(stdout).toContain('r0 = 1234605616436508552 ll')
    file('again.bpf.s', stdout)
    expect((await harena(['asm', 'again.bpf.s'])).status).toBe(0)
    expect(readFileSync(join(folder, 'again.bin'))).toEqual(readFileSync(join(folder, 'wide.bin')))
  })

  test('what is disassembled from assembly assembles to the same bytes, maps and globals included', async () => {
    for (const name of ['arena-list/arena-list', 'arena-hashtable/arena-hashtable', 'arena-rbtree/arena-rbtree']) {
      const original = join(ROOT, 'examples', `${name}.bpf.s`)
      const { stdout } = await harena(['disasm', original])
      file('back.bpf.s', stdout)
      for (const [, program] of stdout.matchAll(/^\.program (\w+)/gm)) {
        const asm = (source: string): Promise<Result> => harena(['asm', source, '--program', program ?? '', '-o', '-'])
        expect((await asm('back.bpf.s')).stdout).toBe((await asm(original)).stdout)
      }
    }
  })

  test('addresses of maps come back as they were', async () => {
    const source = `.license "GPL"
.map arena type=arena entries=4 flags=mmapable extra=0x100000010000
.map one type=array key=4 value=16 entries=1
.program p type=syscall
  r1 = one + 8 ll
  r1 = *(u64 *)(r1 + 0)
  r1 = arena ll
  r1 = one + 0 ll
  r0 = arena + 8192 ll
  exit
`
    const map = file('map.bpf.s', source)
    expect((await harena(['disasm', map])).stdout).toBe(source)
    expect((await harena(['run', map])).stdout).toBe('p: returned 73728 (0x12000, r0 0x100000012000)\n')
  })

  test("the kernel's syntax", async () => {
    expect((await harena(['disasm', WIDE, '--syntax', 'kernel'])).stdout).toContain(
      '0: (18) r0 = 0x1122334455667788\n2: (95) exit',
    )
  })
})

test('inspect shows programs, maps, globals and references', async () => {
  const { stdout } = await harena(['inspect', COUNT])
  for (const part of ['count syscall', '0: map-value .data', 'table array', 'hits: .data + 0, 8 bytes']) {
    expect(stdout).toContain(part)
  }
  expect(JSON.parse((await harena(['inspect', COUNT, '--json'])).stdout)).toMatchObject({ license: expect.any(String) })
})

test('conformance: hex in, hex out', async () => {
  const program = '7911000000000000bf10000000000000 9500000000000000'
  expect((await harena(['conformance', '0807060504030201'], program)).stdout).toBe('102030405060708\n')
  expect((await harena(['conformance'], 'ff')).status).toBe(2)
  const endless = await harena(['conformance', '--timeout', '0.05'], '0500ffff00000000', {
    now: () => performance.now(),
  })
  expect([endless.status, endless.stderr]).toEqual([3, 'harena: timed out\n'])
  expect((await harena(['conformance'], 'xy')).stderr).toContain("'x' is no hex digit")
})
