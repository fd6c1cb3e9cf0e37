import { describe, expect, test } from 'vitest';
import { snappyDecompress } from '../../src/lib/index.ts';
import { unscrambled } from '../identity.ts';
import { type RequestTemplate, signals } from './index.ts';

/** Protobuf read without any knowledge of the writer: fields of a message in order. */
function fields(bytes: Uint8Array): [number, bigint | Uint8Array][] {
  const out: [number, bigint | Uint8Array][] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++] ?? 0;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    if (tag % 8 === 0) out.push([tag >> 3, varint()]);
    else if (tag % 8 === 1) {
      out.push([tag >> 3, Buffer.from(bytes).readBigUInt64LE(at)]);
      at += 8;
    } else {
      const length = Number(varint());
      out.push([tag >> 3, bytes.subarray(at, at + length)]);
      at += length;
    }
  }
  return out;
}
const all = (bytes: Uint8Array, field: number): Uint8Array[] =>
  fields(bytes).flatMap(([number, value]) =>
    number === field && value instanceof Uint8Array ? [value] : [],
  );
const number = (bytes: Uint8Array, field: number): bigint => {
  const found = fields(bytes).find(([name]) => name === field)?.[1];
  return typeof found === 'bigint' ? found : -1n;
};
const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString();
const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex');
const idOf = (bytes: Uint8Array | undefined): number => unscrambled(Buffer.from(bytes ?? []).readUInt32BE(0));

/** Tag, length, value and time of the one sample at the end of a series. */
const sampleBytes = 18;
const now = Date.UTC(2026, 10, 20, 13, 0, 0);
const build = (signal: keyof typeof signals, records: number, count = 1): RequestTemplate[] =>
  signals[signal].build({ records, count, run: 'run-1', headers: { 'x-test': '1' }, host: 'h:1' });
function only<T>(list: T[]): T {
  const [first] = list;
  if (first === undefined) throw new Error('nothing was built');
  return first;
}

/** OTLP: request.1 = resource, .2 = scope, .2 = records. */
const records = (body: Uint8Array): Uint8Array[] =>
  all(body, 1).flatMap((resource) => all(resource, 2).flatMap((scope) => all(scope, 2)));

describe.each(['logs', 'spans', 'samples'] as const)('%s', (signal) => {
  test('a request is one whole HTTP message whose length it names', () => {
    const request = only(build(signal, 40));
    const whole = request.bytes.toString('latin1');
    const [head = ''] = whole.split('\r\n\r\n');
    expect(head).toMatch(/^POST \/\S+ HTTP\/1\.1\r\nhost: h:1\r\nx-test: 1\r\n/);
    expect(Number(/content-length: (\d+)/.exec(head)?.[1])).toBe(request.body.length);
    expect(request.bytes.length).toBe(head.length + 4 + request.body.length);
  });

  test('patching never changes the length or what is not marked', () => {
    const request = only(build(signal, 40));
    request.patch(1, now);
    const before = Buffer.from(request.bytes);
    request.patch(70_000, now + 5_000);
    expect(request.bytes.length).toBe(before.length);
    request.patch(1, now);
    expect(request.bytes.equals(before)).toBe(true);
  });
});

describe('logs', () => {
  test('have about 230 bytes, and each patch gives every record its own ids, time and numbers', () => {
    const request = only(build('logs', 200));
    expect(request.body.length / 200).toBeGreaterThan(215);
    expect(request.body.length / 200).toBeLessThan(245);
    request.patch(5_000, now);
    const rows = records(request.body);
    expect(rows).toHaveLength(200);
    expect(rows.map((row) => idOf(all(row, 10)[0]))).toEqual(rows.map((_, at) => 5_000 + at));
    expect(new Set(rows.map((row) => hex(all(row, 9)[0]))).size).toBe(50);
    const times = rows.map((row) => Number(number(row, 1) / 1_000n));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times.every((us) => us > (now - 1_000) * 1_000 && us <= now * 1_000)).toBe(true);
    const bodies = rows.map((row) => text(all(only(all(row, 5)), 1)[0]));
    for (const body of bodies)
      expect(body).toMatch(
        /^[a-z]+ [a-z]+ for order [1-9]\d{7} took [1-9]\d{3} us at \/api\/v1\/orders\/\d{4}$/,
      );
    expect(new Set(bodies).size).toBe(200);
    const attributes = all(only(rows), 6).map((pair) => text(all(pair, 1)[0]));
    expect(attributes).toEqual(['http.route', 'http.response.status_code', 'user.id', 'duration_ms']);
  });
});

describe('spans', () => {
  test('form traces of eight with the root as the parent of the rest', () => {
    const request = only(build('spans', 16));
    request.patch(801, now);
    const rows = records(request.body);
    expect(rows.map((row) => idOf(all(row, 2)[0]))).toEqual(rows.map((_, at) => 801 + at));
    expect(rows.map((row) => (all(row, 4)[0] === undefined ? 0 : idOf(all(row, 4)[0])))).toEqual(
      rows.map((_, at) => (at % 8 === 0 ? 0 : 801 + at - (at % 8))),
    );
    expect(new Set(rows.slice(0, 8).map((row) => hex(all(row, 1)[0]))).size).toBe(1);
    expect(hex(all(rows[8] ?? new Uint8Array(), 1)[0])).not.toBe(hex(all(only(rows), 1)[0]));
    for (const row of rows) expect(number(row, 8) > number(row, 7)).toBe(true);
  });
});

describe('samples', () => {
  test('survive compression and patching: ten labels, the sequence as value, the time now', () => {
    const requests = build('samples', 100, 3);
    const series = new Set<string>();
    for (const [at, request] of requests.entries()) {
      request.patch(1_000 + at * 100, now);
      request.patch(9_000 + at * 100, now + 1);
      const plain = snappyDecompress(request.body, 1_000_000);
      expect(plain.length).toBeGreaterThan(request.body.length * 2);
      for (const [index, one] of all(plain, 1).entries()) {
        const labels = all(one, 1).map((pair) => `${text(all(pair, 1)[0])}=${text(all(pair, 2)[0])}`);
        expect(labels).toHaveLength(10);
        expect(labels).toEqual(labels.toSorted());
        series.add(labels.join());
        const sample = only(all(one, 2));
        const bits = Buffer.alloc(8);
        bits.writeBigUInt64LE(number(sample, 1));
        expect(bits.readDoubleLE()).toBe(9_000 + at * 100 + index);
        expect(number(sample, 2)).toBe(BigInt(now + 1));
      }
    }
    expect(series.size).toBe(300);
  });

  test('100 000 series of the default load are all different', () => {
    const series = new Set<string>();
    for (const request of build('samples', 2_000, 50))
      for (const one of all(snappyDecompress(request.body, 4_000_000), 1))
        series.add(hex(one.subarray(0, one.length - sampleBytes)));
    expect(series.size).toBe(100_000);
  });
});
