import { defineConfig, type ViteUserConfig } from 'vitest/config'
import { skipReporter } from './scripts/skip-reporter.ts'

/** Where a JSON report goes beside the usual output; used by continuous integration to count. */
const report = process.env.VITEST_REPORT

/**
 * Compilers with planted mistakes spoil memories, which are then thrown away: that starves whatever else runs in the
 * process, so they have one of their own (`npm run test:mutants`).
 */
const alone: readonly string[] = process.env.HARENA_MUTANTS === undefined ? ['check/compiler-mutants.test.ts'] : []

const config: ViteUserConfig = defineConfig({
  test: {
    include: ['**/*.test.ts'],
    exclude: ['node_modules/**', 'dist/**', ...alone],
    pool: 'forks',
    // Files share a process, and Node loads the sources as users' programs do: through Vite's module runner every
    // import costs at each use, which makes the verifier three times as slow.
    isolate: false,
    // Even of two processors both: much of the time goes into waiting for child processes.
    maxWorkers: '100%',
    experimental: { viteModuleRunner: false, nodeLoader: false },
    testTimeout: process.env.HARENA_LONG === undefined ? 60_000 : 1_800_000,
    reporters: ['default', skipReporter, ...(report === undefined ? [] : ['json'])],
    ...(report === undefined ? {} : { outputFile: { json: report } }),
  },
})

export default config
