import type { LogRow, SpanRow } from './incident.ts';

/**
 * Tells rows that are given twice: senders repeat what was not answered, and exports overlap. A trace has one span of an
 * id in each service (Zipkin's client and server share one), and one span does not say the same thing twice at the same instant.
 */
export class Repeats {
  spans = 0;
  logs = 0;
  readonly #seen = new Set<string>();

  isNewSpan({ traceId, spanId, service }: Pick<SpanRow, 'traceId' | 'spanId' | 'service'>): boolean {
    if (spanId === '' || this.#note(`${traceId} ${spanId} ${service}`)) return true;
    this.spans++;
    return false;
  }

  /** `at` as exactly as it was told. */
  isNewLog({ spanId, body }: Pick<LogRow, 'spanId' | 'body'>, at: string | number): boolean {
    if (spanId === '' || this.#note(`${at} ${spanId} ${body}`)) return true;
    this.logs++;
    return false;
  }

  #note(key: string): boolean {
    const size = this.#seen.size;
    return this.#seen.add(key).size > size;
  }
}
