/** Datagrams for tests, written the way exporters write them. */

import { frame } from '../../../test/support/packets.ts';
import type { Flow } from '../flow-sink.ts';
import { Collector } from './collector.ts';

/** `[value, bytes]` pairs and raw bytes, one after the other, big-endian. */
export type Piece = readonly [value: number | bigint, bytes: number] | Uint8Array;

export function bytesOf(...pieces: readonly Piece[]): Buffer {
  return Buffer.concat(
    pieces.map((piece) => {
      if (piece instanceof Uint8Array) return piece;
      const [value, bytes] = piece;
      return Buffer.from(
        BigInt(value)
          .toString(16)
          .padStart(bytes * 2, '0'),
        'hex',
      );
    }),
  );
}

export const ipv4 = (text: string): Buffer => Buffer.from(text.split('.').map(Number));
export const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

/** Ten seconds into the life of the exporter, at a round second. */
export const exportS = 1_770_000_000;
export const uptimeMs = 10_000;

export interface V5 {
  sequence?: number;
  sampling?: number;
  count?: number;
  records: Partial<
    Record<'bytes' | 'packets' | 'first' | 'last' | 'srcPort' | 'dstPort' | 'protocol', number>
  >[];
}

export function netflow5({ sequence = 0, sampling = 0, records, count = records.length }: V5): Buffer {
  const head = bytesOf(
    ...([
      [5, 2],
      [count, 2],
      [uptimeMs, 4],
      [exportS, 4],
      [500_000_000, 4],
      [sequence, 4],
      [0, 2],
      [sampling, 2],
    ] as const),
  );
  const rows = records.map((row) =>
    bytesOf(
      ipv4('10.0.0.1'),
      ipv4('192.0.2.7'),
      ipv4('10.0.0.254'),
      ...([
        [3, 2],
        [4, 2],
        [row.packets ?? 2, 4],
        [row.bytes ?? 300, 4],
        [row.first ?? 7_000, 4],
        [row.last ?? 9_000, 4],
        [row.srcPort ?? 40_000, 2],
        [row.dstPort ?? 443, 2],
        [0, 1],
        [0x1b, 1],
        [row.protocol ?? 6, 1],
        [8, 1],
        [64_500, 2],
        [64_501, 2],
        [24, 1],
        [16, 1],
        [0, 2],
      ] as const),
    ),
  );
  return Buffer.concat([head, ...rows]);
}

/** One set with its length; padded to four bytes where `pad` says so. */
export function set(id: number, body: Uint8Array, pad = false): Buffer {
  const padding = pad ? Buffer.alloc((4 - (body.length % 4)) % 4) : Buffer.alloc(0);
  return bytesOf([id, 2], [4 + body.length + padding.length, 2], body, padding);
}

export type FieldSpec = readonly [id: number, length: number, enterprise?: number];

const fieldBytes = ([id, length, enterprise]: FieldSpec): Buffer =>
  enterprise === undefined
    ? bytesOf([id, 2], [length, 2])
    : bytesOf([id | 0x8000, 2], [length, 2], [enterprise, 4]);

export const template = (id: number, fields: readonly FieldSpec[]): Buffer =>
  bytesOf([id, 2], [fields.length, 2], ...fields.map(fieldBytes));

export const ipfixOptions = (id: number, scopes: number, fields: readonly FieldSpec[]): Buffer =>
  bytesOf([id, 2], [fields.length, 2], [scopes, 2], ...fields.map(fieldBytes));

export const netflow9Options = (
  id: number,
  scopes: readonly FieldSpec[],
  fields: readonly FieldSpec[],
): Buffer =>
  bytesOf([id, 2], [scopes.length * 4, 2], [fields.length * 4, 2], ...[...scopes, ...fields].map(fieldBytes));

export const netflow9 = (sequence: number, ...sets: Uint8Array[]): Buffer =>
  bytesOf([9, 2], [sets.length, 2], [uptimeMs, 4], [exportS, 4], [sequence, 4], [7, 4], ...sets);

export function ipfix(sequence: number, ...sets: Uint8Array[]): Buffer {
  const body = Buffer.concat(sets);
  return bytesOf([10, 2], [16 + body.length, 2], [exportS, 4], [sequence, 4], [7, 4], body);
}

/** A part of sFlow: kind and length before the body. */
export const part = (kind: number, body: Uint8Array): Buffer => bytesOf([kind, 4], [body.length, 4], body);

export const sflow = (sequence: number, ...samples: Uint8Array[]): Buffer =>
  bytesOf(
    [5, 4],
    [1, 4],
    ipv4('192.0.2.1'),
    [0, 4],
    [sequence, 4],
    [1_000, 4],
    [samples.length, 4],
    ...samples,
  );

export const flowSample = (rate: number, ...records: Uint8Array[]): Buffer =>
  part(
    1,
    bytesOf([1, 4], [5, 4], [rate, 4], [1_000, 4], [0, 4], [5, 4], [6, 4], [records.length, 4], ...records),
  );

/** A raw packet header as a switch samples it: the frame is cut after 128 bytes. */
export const rawHeader = (frame: Uint8Array, length = frame.length): Buffer => {
  const cut = frame.subarray(0, 128);
  const padding = Buffer.alloc((4 - (cut.length % 4)) % 4);
  return part(1, bytesOf([1, 4], [length, 4], [4, 4], [cut.length, 4], cut, padding));
};

export interface Heard {
  flows: Flow[];
  rejected: { protocol: string; reason: string; payload: Uint8Array }[];
}

export const exporter = '192.0.2.250';
export const nowMs = exportS * 1000;

export function listen() {
  const heard: Heard = { flows: [], rejected: [] };
  const collector = new Collector({
    flow: (flow) => void heard.flows.push(flow),
    reject: (protocol, reason, payload) => void heard.rejected.push({ protocol, reason, payload }),
  });
  const send = (...datagrams: Uint8Array[]) => {
    for (const datagram of datagrams) collector.datagram(datagram, exporter, nowMs);
    return heard;
  };
  return { collector, heard, send };
}

export const ms = (value: number) => BigInt(value) * 1_000_000n;
export const attributesOf = (flow: Flow | undefined) => Object.fromEntries(flow?.attributes ?? []);

export const plain: FieldSpec[] = [
  [8, 4],
  [12, 4],
  [7, 2],
  [11, 2],
  [4, 1],
  [1, 4],
  [2, 4],
  [22, 4],
  [21, 4],
];
export const record = (bytes = 300, packets = 2) =>
  bytesOf(
    ipv4('10.0.0.1'),
    ipv4('192.0.2.7'),
    ...([
      [40_000, 2],
      [443, 2],
      [6, 1],
      [bytes, 4],
      [packets, 4],
      [7_000, 4],
      [9_000, 4],
    ] as const),
  );

/** A TCP packet with a VLAN tag. */
export const tcpFrame = frame({
  ...{ atUs: 0, src: '10.0.0.1', dst: '192.0.2.7', protocol: 'tcp', srcPort: 40_000, dstPort: 443 },
  ...{ flags: 0x12, payload: 1_000, vlan: 42, tos: 0x28 },
}).bytes;
