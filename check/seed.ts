/** The seed of random tests: HARENA_SEED, else the one given. Failures print it. */
export function testSeed(fallback: number): number {
  const given = process.env.HARENA_SEED
  if (given === undefined) return fallback
  const seed = Number(given)
  if (!Number.isInteger(seed)) throw new TypeError(`HARENA_SEED is a whole number, not ${given}`)
  return seed
}

/** A count for the usual run of the tests, and one for the long run (HARENA_LONG). */
export function testCount(usual: number, long: number): number {
  return process.env.HARENA_LONG === undefined ? usual : long
}
