import type { Flow } from '../flow-sink.ts';

/** Where decoders put what they found. */
export interface FlowOut {
  flow(flow: Flow): void;
  /** What could not be read; its bytes become a dead letter. */
  reject(reason: string, payload: Uint8Array): void;
}

/** Records of one datagram or message; 65 KB of one-byte records would become megabytes of rows. Real ones are below 100. */
export const recordsMax = 8_192;
