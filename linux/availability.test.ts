import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { whyUnavailable } from './availability.ts'
import { skipWithoutKernel } from './testing.ts'

const INDEX: string = fileURLToPath(new URL('./index.ts', import.meta.url))

/** What a process says that first does `preparation`: the reason, then the error of a machine. */
function saidBy(preparation: string): string {
  const script = `
    const { whyUnavailable, LinuxMachine } = await import(${JSON.stringify(INDEX)})
    ${preparation}
    console.log(whyUnavailable())
    try { new LinuxMachine().close() } catch (error) { console.log(error.name + ': ' + error.message) }
  `
  const result = spawnSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' })
  expect(result.stderr).toBe('')
  return result.stdout
}

describe('where the kernel cannot be asked, one line says why', () => {
  test('another system', () => {
    const said = saidBy("Object.defineProperty(process, 'platform', { value: 'darwin' })")
    expect(said).toBe(
      'this is darwin, not Linux\nHarenaError: engine linux is not available: this is darwin, not Linux\n',
    )
  })

  test('another processor', () => {
    expect(saidBy("Object.defineProperty(process, 'arch', { value: 'arm64' })")).toMatch(
      /^this is Linux on arm64, not on x86-64\n/u,
    )
  })

  test('no koffi', (ctx) => {
    skipWithoutKernel(ctx)
    const hide = `
      const { Module } = await import('node:module')
      const load = Module._load
      Module._load = (name, ...rest) => {
        if (name === 'koffi') throw new Error("Cannot find module 'koffi'")
        return load(name, ...rest)
      }
    `
    expect(saidBy(hide)).toMatch(
      /^it needs the optional package koffi, which cannot be loaded \(Cannot find module 'koffi'\)\n/u,
    )
  })

  test('no rights', (ctx) => {
    if (process.getuid?.() !== 0) ctx.skip('only root can give its rights away')
    expect(saidBy('process.setuid(65534)')).toMatch(
      /^this process lacks CAP_BPF \(needed .*\)\nHarenaError: engine linux is not available: .*CAP_BPF/u,
    )
  })
})

test('without CAP_NET_ADMIN, programs with packets are an error of rights, not of the program', (ctx) => {
  skipWithoutKernel(ctx, 'packets')
  const rights = '+bpf,+perfmon'
  const script = `
    const { whyUnavailable, LinuxMachine } = await import(${JSON.stringify(INDEX)})
    const { assemble } = await import(${JSON.stringify(fileURLToPath(new URL('../index.ts', import.meta.url)))})
    console.log(whyUnavailable())
    console.log(whyUnavailable('packets'))
    for (const type of ['syscall', 'xdp']) {
      try {
        new LinuxMachine().load(assemble('.program main type=' + type + '\\n r0 = 1\\n exit\\n'))
        console.log('loaded')
      } catch (error) { console.log(error.name + ': ' + error.message) }
    }
  `
  const drop = [`--inh-caps=-all,${rights}`, `--ambient-caps=-all,${rights}`, `--bounding-set=-all,${rights}`]
  const command = [
    '--reuid',
    '65534',
    '--clear-groups',
    ...drop,
    process.execPath,
    '--input-type=module',
    '--eval',
    script,
  ]
  const result = spawnSync('setpriv', command, { encoding: 'utf8' })
  if (result.error !== undefined) ctx.skip(`setpriv cannot be run: ${result.error.message}`)
  expect(result.stderr).toBe('')
  const lacks = 'this process lacks CAP_NET_ADMIN (needed to load programs that see packets)'
  expect(result.stdout).toBe(
    `undefined\n${lacks}\nloaded\nErrnoError: input.bpf.s: program main of type xdp is not loaded: ${lacks}: EPERM\n`,
  )
})

test('where it can, nothing is said', (ctx) => {
  skipWithoutKernel(ctx)
  expect(whyUnavailable()).toBeUndefined()
  expect(saidBy('')).toBe('undefined\n')
})
