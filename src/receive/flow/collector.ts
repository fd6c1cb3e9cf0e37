import type { Flow } from '../flow-sink.ts';
import { MalformedError } from '../otlp/wire.ts';
import { flowDatagrams } from './events.ts';
import { ipfixHeaderBytes, readIpfix } from './ipfix.ts';
import { readNetflow5 } from './netflow5.ts';
import { readNetflow9, type TemplateState } from './netflow9.ts';
import type { FlowOut } from './out.ts';
import { Sequences } from './sequence.ts';
import { Sessions } from './session.ts';
import { readSflow } from './sflow.ts';

/** Exporters that have a name of their own in metrics; more would make the metrics a problem of their own. */
const namedExportersMax = 256;

/** Where flows go, and what could not be read, with its protocol. */
export interface CollectorOut {
  flow(flow: Flow): void;
  reject(protocol: string, reason: string, payload: Uint8Array): void;
}

/**
 * Reads datagrams of every version that is understood, whichever port they come to. Keeps what the protocols say between
 * datagrams: templates, sampling rates, sequence numbers. Synchronous, never throws for what was sent.
 */
export class Collector {
  private readonly state: TemplateState;
  private readonly out: CollectorOut;
  private readonly named = new Set<string>();

  constructor(out: CollectorOut) {
    this.out = out;
    this.state = { sessions: new Sessions(), sequences: new Sequences((exporter) => this.labelOf(exporter)) };
  }

  get lost(): number {
    return this.state.sequences.lost;
  }

  datagram(bytes: Uint8Array, exporter: string, nowMs: number): void {
    const protocol = protocolOf(bytes);
    flowDatagrams.inc({ protocol });
    const out = this.outOf(protocol);
    this.guard(out, bytes, () => {
      const { state } = this;
      if (protocol === 'netflow5') readNetflow5(bytes, exporter, state.sequences, out);
      else if (protocol === 'netflow9') readNetflow9(bytes, exporter, nowMs, state, out);
      else if (protocol === 'ipfix') readIpfix(bytes, exporter, nowMs, state, out);
      else if (protocol === 'sflow') readSflow(bytes, exporter, state.sequences, out);
      else throw new MalformedError(unknownVersion(bytes));
    });
  }

  /** One message of a TCP connection. */
  message(bytes: Uint8Array, exporter: string, connection: string, nowMs: number): void {
    flowDatagrams.inc({ protocol: 'ipfix' });
    const out = this.outOf('ipfix');
    this.guard(out, bytes, () => readIpfix(bytes, exporter, nowMs, this.state, out, connection));
  }

  endConnection(exporter: string, connection: string): void {
    this.state.sessions.end(`ipfix ${exporter}${connection} `, this.outOf('ipfix'));
  }

  /** Gives up what waited too long for its template. */
  expire(nowMs: number): void {
    this.state.sessions.expire(nowMs, this.outOf('template'));
  }

  private guard(out: FlowOut, bytes: Uint8Array, read: () => void): void {
    try {
      read();
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      out.reject(error.message, bytes);
    }
  }

  private outOf(protocol: string): FlowOut {
    return {
      flow: (flow) => this.out.flow(flow),
      reject: (reason, payload) => this.out.reject(protocol, reason, payload),
    };
  }

  private labelOf(exporter: string): string {
    if (this.named.has(exporter)) return exporter;
    if (this.named.size >= namedExportersMax) return 'other';
    this.named.add(exporter);
    return exporter;
  }
}

function protocolOf(bytes: Uint8Array): string {
  const version = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0);
  if (bytes.length < ipfixHeaderBytes) return 'unknown';
  if (version === 5) return 'netflow5';
  if (version === 9) return 'netflow9';
  if (version === 10) return 'ipfix';
  // sFlow writes its version in four bytes.
  return version === 0 ? 'sflow' : 'unknown';
}

function unknownVersion(bytes: Uint8Array): string {
  if (bytes.length < ipfixHeaderBytes) return `A datagram of ${bytes.length} bytes is no flow export.`;
  const version = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0);
  return `Version ${version} is not understood; NetFlow 5 and 9, IPFIX (10) and sFlow 5 are.`;
}
