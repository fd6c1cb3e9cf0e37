import { appendFile, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Block } from '../model/index.ts';
import { dataPath, indexPath, indexRecord, recoverSegment } from './segment.ts';

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'clew-segment-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const block = (text: string, request?: string): Block => ({
  table: 'otel_logs',
  rows: 2,
  bytes: Buffer.from(text),
  ...(request === undefined ? {} : { request }),
});

test('a segment tells at start which requests are in it, and loses what is torn', async () => {
  const path = dataPath(dir, { number: 1, table: 'otel_logs' });
  const blocks = [block('first block', 'ab'.repeat(16)), block('second'), block('third', 'cd'.repeat(16))];
  await writeFile(path, Buffer.concat(blocks.map(({ bytes }) => bytes)));
  await writeFile(indexPath(path), Buffer.concat(blocks.map(indexRecord)));
  const last = block('torn block', 'ef'.repeat(16));
  await appendFile(indexPath(path), indexRecord(last));
  await appendFile(path, last.bytes.subarray(0, 4));
  expect(await recoverSegment(path)).toEqual({
    rows: 6,
    bytes: 22,
    tornBytes: 4,
    requests: ['ab'.repeat(16), 'cd'.repeat(16)],
  });
  expect((await stat(path)).size).toBe(22);
});

test('a segment of the version before, whose records have 16 bytes, is taken over whole', async () => {
  const path = dataPath(dir, { number: 2, table: 'otel_logs' });
  const record = Buffer.alloc(16);
  const bytes = Buffer.from('some block');
  record.writeUInt32LE(bytes.length, 0);
  record.writeUInt32LE(3, 4);
  record.writeUInt32LE(crc32(bytes), 8);
  record.writeUInt32LE(crc32(record.subarray(0, 12)), 12);
  await writeFile(path, Buffer.concat([bytes, bytes]));
  await writeFile(indexPath(path), Buffer.concat([record, record]));
  expect(await recoverSegment(path)).toEqual({ rows: 6, bytes: 20, tornBytes: 0, requests: [] });
});
