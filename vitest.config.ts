import { defineConfig, type ViteUserConfig } from 'vitest/config'
import { skipReporter } from './scripts/skip-reporter.ts'

/**
 * What cannot share a process (`npm run test:alone`). Compilers with planted mistakes spoil memories, which are then
 * thrown away. Asking the collector who still views a mapping takes microseconds an object: with the heap that all
 * other tests have filled, that is many seconds at each time.
 */
const ALONE: readonly string[] = ['check/compiler-mutants.test.ts', 'linux/mapping.test.ts']
const alone = process.env.HARENA_ALONE !== undefined

/** Directory of JSON reports beside the usual output, one of each run; used by continuous integration to count. */
const reports = process.env.VITEST_REPORTS
const report = reports === undefined ? undefined : `${reports}/${alone ? 'alone' : 'shared'}.json`

const config: ViteUserConfig = defineConfig({
  test: {
    include: alone ? [...ALONE] : ['**/*.test.ts'],
    exclude: ['node_modules/**', 'dist/**', ...(alone ? [] : ALONE)],
    pool: 'forks',
    // Files share a process, and Node loads the sources as users' programs do: through Vite's module runner every
    // import costs at each use, which makes the verifier three times as slow.
    isolate: alone,
    // Even of two processors both: much of the time goes into waiting for child processes.
    maxWorkers: '100%',
    experimental: { viteModuleRunner: false, nodeLoader: false },
    testTimeout: process.env.HARENA_LONG === undefined ? 60_000 : 1_800_000,
    reporters: ['default', skipReporter, ...(report === undefined ? [] : ['json'])],
    ...(report === undefined ? {} : { outputFile: { json: report } }),
  },
})

export default config
