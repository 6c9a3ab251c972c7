/** Hosts without shared memory, as a browser is on a page that is not isolated from others. */
import { execFileSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = resolve(import.meta.dirname, '..')

const HOSTS = {
  'as it is': '',
  'without SharedArrayBuffer': 'delete globalThis.SharedArrayBuffer',
  'not isolated': 'globalThis.crossOriginIsolated = false',
}

/** What the command prints in a process that begins with `host`. */
function harena(host: string, args: readonly string[]): string {
  const begin = `data:text/javascript,${encodeURIComponent(host)}`
  return execFileSync(process.execPath, ['--import', begin, join(ROOT, 'bin/harena.js'), ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

const PROGRAMS = [
  ['example', 'arena-hashtable'],
  ['example', 'obj-kptr'],
  ['run', join(ROOT, 'jit/golden/atomics.bpf.s')],
]

test.each(['without SharedArrayBuffer', 'not isolated'] as const)('%s: programs run alike on both engines', (name) => {
  for (const args of PROGRAMS) {
    const expected = harena(HOSTS['as it is'], args)
    for (const engine of ['jit', 'interpreter']) {
      expect(harena(HOSTS[name], [...args, '--engine', engine])).toBe(expected)
    }
  }
})
