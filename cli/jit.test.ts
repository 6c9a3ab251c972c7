/** `harena jit`: the text form, the module, and what is refused. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { COUNT, FAULTING, folder, harena, TWO, useFolder } from './testing.ts'

useFolder()

describe('harena jit', () => {
  test('shows the text form, with instructions and source lines', async () => {
    const { status, stdout, stderr } = await harena(['jit', COUNT])
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^;; program count, syscall, \d+ instructions\n\(module\n/u)
    expect(stdout).toMatch(/^ +;; \d+: r2 \+= 2 +; count\.bpf\.s:6: r2 \+= 2$/mu)
    expect(stdout).toContain('(import "memory" "kernel" (memory $kernel (;0;) 65536 65536 shared))')
  })

  test('writes the module, which the host takes', async () => {
    const { status, stdout, stderr } = await harena(['jit', COUNT, '-o', 'count.wasm'])
    const bytes = readFileSync(join(folder, 'count.wasm'))
    expect([status, stdout, stderr]).toEqual([0, '', `count.wasm: ${bytes.length} bytes of count\n`])
    expect(WebAssembly.Module.exports(new WebAssembly.Module(bytes)).map(({ name }) => name)).toContain('run')
    expect((await harena(['jit', COUNT, '--output=-'])).stdout).toBe(bytes.toString('latin1'))
  })

  test('one program of several', async () => {
    expect((await harena(['jit', TWO, '--program', 'a'])).stdout).toContain(';; program a,')
    const { status, stderr } = await harena(['jit', TWO])
    expect([status, stderr]).toEqual([2, 'harena: two.bpf.s has several programs; choose with --program: a, b\n'])
  })

  test('what the verifier rejects has a module only unchecked', async () => {
    const { status, stderr } = await harena(['jit', FAULTING])
    expect([status, stderr]).toEqual([1, expect.stringContaining("R1 invalid mem access 'scalar'")])
    expect((await harena(['jit', FAULTING, '--unchecked'])).stdout).toContain('call $host.checked')
  })

  test('nothing is written over what is read, nor where nothing can be', async () => {
    const own = await harena(['jit', COUNT, '-o', COUNT])
    expect([own.status, own.stderr]).toEqual([2, 'harena: count.bpf.s would overwrite what is read\n'])
    const { status, stderr } = await harena(['jit', COUNT, '-o', 'nowhere/count.wasm'])
    expect([status, stderr]).toEqual([2, 'harena: nowhere/count.wasm: no such file\n'])
  })
})

test('conformance on each engine', async () => {
  const program = '7911000000000000bf10000000000000 9500000000000000'
  for (const engine of [[], ['--engine', 'jit'], ['--engine', 'interpreter']]) {
    const { status, stdout, stderr } = await harena(['conformance', '0807060504030201', ...engine], program)
    expect([status, stdout, stderr]).toEqual([0, '102030405060708\n', ''])
  }
  const { status, stderr } = await harena(['conformance', '--engine', 'linux'], program)
  expect([status, stderr]).toEqual([2, expect.stringContaining('the kernel runs verified programs only')])
})
