/** What all workloads share: a request that is built once and changed in place before each send. */

export type Signal = 'logs' | 'spans' | 'samples';

export interface RequestTemplate {
  /** Head and body as they go over the wire. */
  bytes: Buffer;
  /** The body alone; a view into `bytes`. */
  body: Buffer;
  records: number;
  /** Gives the records the sequence numbers from `first` on and the time `nowMs`, milliseconds since 1970. */
  patch(first: number, nowMs: number): void;
}

export interface BuildOptions {
  /** Records in one request. */
  records: number;
  /** How many different requests. */
  count: number;
  /** Names this run in the data, so that its records are found among others. */
  run: string;
  /** Further header lines, such as `authorization`. */
  headers: Record<string, string>;
  host: string;
  /** Where it goes, if not to Clew's own path. */
  path?: string;
}

export interface SignalWorkload {
  signal: Signal;
  table: 'otel_logs' | 'otel_traces' | 'metric_samples';
  /** Which listener of Clew takes it. */
  listener: 'otlp' | 'api';
  recordsDefault: number;
  requestsDefault: number;
  build(options: BuildOptions): RequestTemplate[];
  /** SQL: the record's sequence number, UInt32. */
  sequence: string;
  /** SQL condition: the record is of this run. */
  ofRun(run: string): string;
}

/** One buffer for head and body, so that a request is one write. */
export function httpRequest(
  path: string,
  host: string,
  headers: Record<string, string>,
  body: Uint8Array,
): { bytes: Buffer; body: Buffer } {
  const lines = Object.entries({ host, ...headers, 'content-length': String(body.length) });
  const head = `POST ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
  const start = Buffer.byteLength(head);
  // Of its own memory: a slice of the shared pool would keep the pool.
  const bytes = Buffer.allocUnsafeSlow(start + body.length);
  bytes.write(head, 'latin1');
  bytes.set(body, start);
  return { bytes, body: bytes.subarray(start) };
}

/** Distance between neighbouring records of a request, nanoseconds. */
const spacingNs = 2_000;

/** Times of a request's records as halves of a 64-bit number, ascending up to `nowMs`, each with some nanoseconds of noise. */
export class RecordTimes {
  private low = 0;
  private high = 0;

  begin(nowMs: number, records: number): void {
    const first = BigInt(nowMs) * 1_000_000n - BigInt((records + 1) * spacingNs);
    this.low = Number(first & 0xffff_ffffn);
    this.high = Number(first >> 32n);
  }

  /** Writes the time of record `index`, `laterNs` after its own time; below 2^31 in all. */
  write(view: DataView, at: number, index: number, noise: number, laterNs = 0): void {
    const low = this.low + index * spacingNs + (noise & 1023) + laterNs;
    view.setUint32(at, low >>> 0, true);
    view.setUint32(at + 4, low >= 4_294_967_296 ? this.high + 1 : this.high, true);
  }
}

export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
