import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { AssemblyError, encode, HarenaError } from './index.ts'
import { assembleFile, openObject } from './node.ts'

const folder = mkdtempSync(join(tmpdir(), 'harena-node-'))
afterAll(() => rmSync(folder, { recursive: true }))

const SOURCE = '.program main type=syscall\n r0 = 42\n exit\n'
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('openObject', () => {
  test('assembly', () => {
    const object = openObject('a.bpf.s', bytes(SOURCE))
    expect([object.file, object.programs.map(({ name }) => name)]).toEqual(['a.bpf.s', ['main']])
  })

  test('raw instructions', () => {
    const raw = encode(openObject('a.bpf.s', bytes(SOURCE)).programs[0]!.insns)
    const [program] = openObject('dir/some.bin', raw).programs
    expect(program).toMatchObject({ name: 'some', type: 'syscall' })
    expect(encode(program!.insns)).toEqual(raw)
  })

  test.each([
    ['an ELF object', Uint8Array.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]), 'x: ELF objects are not read yet'],
    ['junk', Uint8Array.from([0, 1, 2]), 'x: neither assembly nor instructions: 3 bytes are no multiple of 8'],
    ['bytes that are no UTF-8', Uint8Array.from([0xff, 0xfe, 0xfd]), /neither assembly nor instructions/],
  ])('%s', (_, content, message) => expect(() => openObject('x', content)).toThrow(message))

  test('an empty file', () => expect(() => openObject('x', new Uint8Array())).toThrow(HarenaError))
})

describe('assembleFile', () => {
  test('finds includes beside the file', async () => {
    writeFileSync(join(folder, 'common.inc'), 'r0 = 42\n')
    writeFileSync(join(folder, 'a.bpf.s'), '.program main type=syscall\n.include "common.inc"\nexit\n')
    const object = await assembleFile(join(folder, 'a.bpf.s'))
    expect(object.programs[0]!.insns).toHaveLength(2)
  })

  test('complains with the file’s name', async () => {
    const path = join(folder, 'bad.bpf.s')
    writeFileSync(path, '.program main type=syscall\n r0 = \n exit\n')
    await expect(assembleFile(path)).rejects.toThrow(AssemblyError)
    await expect(assembleFile(path)).rejects.toThrow(`${path}:2:`)
  })

  test('says which file is not there', async () => {
    await expect(assembleFile(join(folder, 'none.bpf.s'))).rejects.toThrow('none.bpf.s')
  })
})
