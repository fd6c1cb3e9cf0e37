import { seeded } from '../../lib/index.ts';

/** Series with known anomalies, for tests and benchmarks of detectors. Every draw comes from the seed. */

export function normals(seed: number): () => number {
  const uniform = seeded(seed);
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
