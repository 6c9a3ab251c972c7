/**
 * Packs harena, installs the package into an empty folder and uses it there, as a user would: `publint`, imports of
 * its three entry points, the command. Prints what failed.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
const folder = mkdtempSync(join(tmpdir(), 'harena-package-'))

function run(command: string, args: readonly string[], cwd: string, expected: RegExp = /(?:)/): string {
  const result = spawnSync(command, args, { cwd, encoding: 'utf8' })
  const output = `${result.stdout}${result.stderr}`
  if (result.status !== 0 || !expected.test(output)) {
    throw new Error(`${command} ${args.join(' ')} failed (status ${result.status}):\n${output}`)
  }
  return result.stdout
}

try {
  run('npm', ['run', '--silent', 'build'], root)
  run('npx', ['publint', '--strict'], root)
  run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder], root)
  const archive = readdirSync(folder).find((name) => name.endsWith('.tgz'))
  if (archive === undefined) throw new Error('npm pack left no archive')
  writeFileSync(join(folder, 'package.json'), '{ "name": "user", "private": true, "type": "module" }\n')
  run('npm', ['install', '--silent', '--no-audit', '--no-fund', archive], folder)
  writeFileSync(
    join(folder, 'use.js'),
    `import { assemble, Machine } from 'harena'
import { assembleFile } from 'harena/node'
// Only what it exports: using it takes rights that a check of the package does not have.
import { LinuxMachine } from 'harena/linux'
const machine = new Machine({ seed: 1 })
const object = machine.load(assemble('.program main type=syscall\\n r0 = 42\\n exit\\n'))
console.log('retval', object.program('main').run().retval)
machine.close()
const { programs } = await assembleFile('first.bpf.s')
console.log('first program', programs[0].name, typeof LinuxMachine)
`,
  )
  writeFileSync(join(folder, 'first.bpf.s'), 'r0 = 7\nexit\n')
  // The same Node that runs this script: the one on the PATH may be older than harena supports.
  run(process.execPath, ['use.js'], folder, /retval 42\nfirst program first function/)
  run(process.execPath, ['node_modules/harena/bin/harena.js', 'run', 'first.bpf.s'], folder, /7/)
  console.log('the package builds, passes publint, installs and runs')
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
