import type { EpochMs } from '../../model/index.ts';
import { normalTail } from './robust.ts';

const learnSamples = 50;

/**
 * Scores the samples of one series as they come, each by those before it: 0 = usual, 1 = never seen like this. Constant
 * memory and work per sample; values that are no numbers score 0 and teach nothing.
 */
export class SeriesDetector {
  #seen = 0;
  #level = 0;
  #spread = 0;

  push(_timestamp: EpochMs, value: number): number {
    if (!Number.isFinite(value)) return 0;
    const weight = 1 / Math.min(200, ++this.#seen);
    const away = Math.abs(value - this.#level);
    const sigma = 1.2533 * this.#spread;
    const score =
      this.#seen <= learnSamples || away === 0 ? 0 : 1 - normalTail(away / Math.max(sigma, 1e-12));
    const clipped = this.#seen > learnSamples ? Math.min(away, 4 * this.#spread + 1e-12) : away;
    this.#spread += weight * (clipped - this.#spread);
    this.#level += weight * Math.sign(value - this.#level) * clipped;
    return score;
  }
}
