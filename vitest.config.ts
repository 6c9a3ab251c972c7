import { defineConfig, type ViteUserConfig } from 'vitest/config'
import { skipReporter } from './scripts/skip-reporter.ts'

/** Where a JSON report goes beside the usual output; used by continuous integration to count. */
const report = process.env.VITEST_REPORT

const config: ViteUserConfig = defineConfig({
  test: {
    include: ['**/*.test.ts'],
    exclude: ['node_modules/**', 'dist/**'],
    pool: 'forks',
    testTimeout: process.env.HARENA_LONG === undefined ? 60_000 : 1_800_000,
    reporters: ['default', skipReporter, ...(report === undefined ? [] : ['json'])],
    ...(report === undefined ? {} : { outputFile: { json: report } }),
  },
})

export default config
