/**
 * The seed of tests that try things at random: the same one every time, so that a change is judged by itself alone.
 * CLEW_TEST_SEED=N repeats a run, CLEW_TEST_SEED=random looks for what nobody has seen yet.
 */
export const testSeed: number = readSeed(process.env.CLEW_TEST_SEED);

function readSeed(given: string | undefined): number {
  if (given === undefined) return 20_261_120;
  if (given === 'random') return Math.floor(performance.timeOrigin + performance.now()) % 1_000_000_007;
  const seed = Number(given);
  if (!Number.isSafeInteger(seed))
    throw new Error(`CLEW_TEST_SEED is "${given}": a whole number or "random"`);
  return seed;
}
