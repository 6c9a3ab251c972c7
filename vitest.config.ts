import { defineConfig, type ViteUserConfig } from 'vitest/config'

/** Where a JSON report goes beside the usual output; used by continuous integration to count. */
const report = process.env.VITEST_REPORT

const config: ViteUserConfig = defineConfig({
  test: {
    include: ['**/*.test.ts'],
    exclude: ['node_modules/**', 'dist/**'],
    pool: 'forks',
    testTimeout: process.env.HARENA_LONG === undefined ? 60_000 : 1_800_000,
    ...(report === undefined ? {} : { reporters: ['default', 'json'], outputFile: { json: report } }),
  },
})

export default config
