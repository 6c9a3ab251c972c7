/** A reporter beside vitest's own, which leaves out why tests were skipped: a skip without its reason hides something. */
import type { Reporter, TestModule } from 'vitest/node'

/** What is asked of a test: a part of vitest's TestCase. */
export interface Reported {
  readonly fullName: string
  result(): { readonly state: string; readonly note?: string | undefined }
}

/** A line for each reason, most tests first; a test that gives none is named. */
export function skipLines(tests: Iterable<Reported>): string[] {
  const counts = new Map<string, number>()
  for (const test of tests) {
    const { state, note } = test.result()
    if (state !== 'skipped') continue
    const reason = note ?? `no reason given: ${test.fullName}`
    counts.set(reason, (counts.get(reason) ?? 0) + 1)
  }
  const sorted = [...counts].sort(([, a], [, b]) => b - a)
  return sorted.map(([reason, count]) => `${count === 1 ? '1 test' : `${count} tests`}: ${reason}`)
}

export const skipReporter: Reporter = {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const lines = skipLines(modules.flatMap((module) => [...module.children.allTests()]))
    // Nothing was asked for that did not run: then there is nothing to tell.
    if (lines.length > 0) console.log(['Skipped:', ...lines.map((line) => `  ${line}`), ''].join('\n'))
  },
}
