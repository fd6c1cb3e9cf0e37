import type { Product } from '../lib/products.ts';

/**
 * How long the rebuild computes before it lets the event loop turn once. Requests are still answered, but each of
 * their steps waits for a whole slice, and the processor never rests.
 */
const sliceMs = 60;

/**
 * Ranks products by how often they stand next to each other, by repeated multiplication until the ranks stop
 * changing. The mistake: products are linked only across two shelves, so the ranks swing between the shelves for
 * ever and the end is never reached. It is quadratic in the number of products and ends only with the process.
 */
export class RankRebuild {
  readonly #links: number[][];
  #ranks: number[];
  #running = false;

  constructor(products: readonly Product[]) {
    this.#links = products.map((_, from) => products.map((__, to) => ((from + to) % 2 === 1 ? 1 : 0)));
    this.#ranks = products.map((_, index) => (index % 2 === 0 ? 1 : 2) / products.length);
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#slice();
  }

  #slice(): void {
    const until = performance.now() + sliceMs;
    let change = 1;
    while (change > 1e-9 && performance.now() < until) change = this.#round();
    if (change > 1e-9) setImmediate(() => this.#slice());
    else this.#running = false;
  }

  /** One multiplication; returns by how much the ranks changed. */
  #round(): number {
    const next = this.#links.map((row) =>
      row.reduce((sum, link, to) => sum + link * (this.#ranks[to] ?? 0), 0),
    );
    const total = next.reduce((sum, rank) => sum + rank, 0);
    const scaled = next.map((rank) => rank / total);
    const change = scaled.reduce((sum, rank, index) => sum + Math.abs(rank - (this.#ranks[index] ?? 0)), 0);
    this.#ranks = scaled;
    return change;
  }
}
