import { copyFile, type FileHandle, mkdir, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Block, DetailTable } from '../model/index.ts';
import { detailTables } from '../model/index.ts';

/**
 * A write-ahead segment is two files: `<number>.<table>.native`, nothing but `Native` blocks, so that the engine can read
 * it as it is; and `<number>.<table>.index`, one record per block, so that a torn tail can be told from whole blocks.
 * Record: block bytes u32, rows u32, CRC-32 of the block, fingerprint of the request (16 bytes, zeros when there is none),
 * CRC-32 of all before; little endian.
 */
export const indexRecordBytes = 32;
/** As it was before requests had fingerprints; such a segment may be there after an update. */
const oldRecordBytes = 16;

/** Position takes 24 bits of an EventId, the segment number the rest. */
export const positionBits = 24;
export const rowsPerSegmentLimit = 2 ** positionBits;

export interface SegmentName {
  number: number;
  table: DetailTable;
}

export interface ClosedSegment extends SegmentName {
  path: string;
  rows: number;
  bytes: number;
  /** Clock time of the oldest acknowledged record in it. */
  since: number;
  /** It was found at start, so some or all of its rows may be in the table already. */
  replayed: boolean;
  /** Another process wrote it, and reads its index again when it starts. */
  handedOver?: true;
}

export const dataPath = (dir: string, name: SegmentName): string =>
  join(dir, `${String(name.number).padStart(12, '0')}.${name.table}.native`);
export const indexPath = (path: string): string => path.replace(/\.native$/, '.index');

export function parseSegmentName(file: string): SegmentName | undefined {
  const match = /^(\d{12})\.([a-z_]+)\.native$/.exec(file);
  const table = detailTables.find((known) => known === match?.[2]);
  return match && table ? { number: Number(match[1]), table } : undefined;
}

/** Writes the event ids of a block that got its place: they are the last `rows * 8` bytes. */
export function fillEventIds(bytes: Uint8Array, rows: number, segment: number, position: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = bytes.byteLength - rows * 8;
  const first = (BigInt(segment) << BigInt(positionBits)) | BigInt(position);
  // Positions stay below 2^24, so only the low word counts on.
  const high = Number(first >> 32n);
  const low = Number(first & 0xffff_ffffn);
  for (let row = 0; row < rows; row++) {
    view.setUint32(start + row * 8, low + row, true);
    view.setUint32(start + row * 8 + 4, high, true);
  }
}

export function indexRecord({ bytes, rows, request }: Block): Buffer {
  const record = Buffer.alloc(indexRecordBytes);
  record.writeUInt32LE(bytes.byteLength, 0);
  record.writeUInt32LE(rows, 4);
  record.writeUInt32LE(crc32(bytes), 8);
  if (request !== undefined) record.write(request, 12, 'hex');
  record.writeUInt32LE(crc32(record.subarray(0, indexRecordBytes - 4)), indexRecordBytes - 4);
  return record;
}

const recordIsWhole = (record: Buffer): boolean =>
  record.length > 4 && record.readUInt32LE(record.length - 4) === crc32(record.subarray(0, -4));

/** Makes entries of a directory durable: a new file is only there after a crash when its directory was synced. */
export async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

interface IndexRecord {
  bytes: number;
  rows: number;
  checksum: number;
  /** As in `Block.request`; '' when there is none. */
  request: string;
  /** Of the index, up to and with this record. */
  end: number;
}

/** The records of an index up to the first that is not whole. */
function* indexRecords(index: Buffer): Generator<IndexRecord> {
  const recordBytes = recordIsWhole(index.subarray(0, indexRecordBytes)) ? indexRecordBytes : oldRecordBytes;
  for (let end = recordBytes; end <= index.byteLength; end += recordBytes) {
    const record = index.subarray(end - recordBytes, end);
    if (!recordIsWhole(record)) return;
    const request = recordBytes === oldRecordBytes ? '' : record.toString('hex', 12, 28);
    yield {
      bytes: record.readUInt32LE(0),
      rows: record.readUInt32LE(4),
      checksum: record.readUInt32LE(8),
      request: /[^0]/.test(request) ? request : '',
      end,
    };
  }
}

/** What an index says of its segment. Fingerprints as in `Block.request`. */
export function readIndex(index: Buffer): { rows: number; bytes: number; requests: string[] } {
  const found = { rows: 0, bytes: 0, requests: [] as string[] };
  for (const { rows, bytes, request } of indexRecords(index)) {
    found.bytes += bytes;
    found.rows += rows;
    if (request !== '') found.requests.push(request);
  }
  return found;
}

export interface Recovered {
  rows: number;
  bytes: number;
  tornBytes: number;
  /** Fingerprints of the requests that its blocks came with. */
  requests: string[];
  /** Where the segment was copied as it was found, because a crash alone can't have left it so. */
  copiedTo?: string;
}

/** Cuts a segment found at start after its last whole block. A file without one is removed; `rows` is then 0. */
export async function recoverSegment(
  path: string,
  quarantineDir = join(dirname(path), 'quarantine'),
): Promise<Recovered> {
  const index = await readFile(indexPath(path)).catch(() => Buffer.alloc(0));
  const requests: string[] = [];
  let copiedTo: string | undefined;
  const size = (await stat(path)).size;
  const handle = await open(path, 'r+');
  let rows = 0;
  let bytes = 0;
  let indexBytes = 0;
  try {
    for (const record of indexRecords(index)) {
      if (bytes + record.bytes > size) break;
      if (!(await blockIsWhole(handle, bytes, record.bytes, record.checksum))) break;
      bytes += record.bytes;
      rows += record.rows;
      indexBytes = record.end;
      if (record.request !== '') requests.push(record.request);
    }
    if (await wholeAfter(handle, index, bytes, size)) copiedTo = await setCopyAside(path, quarantineDir);
    if (bytes < size && rows > 0) {
      await handle.truncate(bytes);
      await handle.sync();
    }
    if (indexBytes < index.byteLength && rows > 0) await cutIndex(indexPath(path), indexBytes);
  } finally {
    await handle.close();
  }
  if (rows === 0) await removeSegment(path);
  const recovered = { rows, bytes, tornBytes: size - bytes, requests };
  return copiedTo === undefined ? recovered : { ...recovered, copiedTo };
}

/**
 * Whether a whole block follows those that end at `bytes`. Blocks are written one after the other, so a killed process leaves
 * none behind a torn one: then the disk, or somebody, changed what was acknowledged.
 */
async function wholeAfter(handle: FileHandle, index: Buffer, bytes: number, size: number): Promise<boolean> {
  if (bytes >= size) return false;
  const lengths: (number | undefined)[] = [];
  for (let at = 0; at + indexRecordBytes <= index.byteLength; at += indexRecordBytes) {
    const record = index.subarray(at, at + indexRecordBytes);
    lengths.push(recordIsWhole(record) ? record.readUInt32LE(0) : undefined);
  }
  // From the end, for the length of a damaged block may not be known.
  let end = size;
  for (let i = lengths.length - 1; i >= 0; i--) {
    const length = lengths[i];
    if (length === undefined || end - length < bytes) return false;
    end -= length;
    if (await blockIsWhole(handle, end, length, index.readUInt32LE(i * indexRecordBytes + 8))) return true;
  }
  return false;
}

async function setCopyAside(path: string, folder: string): Promise<string> {
  const target = join(folder, basename(path));
  await mkdir(folder, { recursive: true });
  await copyFile(indexPath(path), indexPath(target));
  await copyFile(path, target);
  await writeFile(
    `${target}.error`,
    'A block in the middle is damaged; the whole ones before it were inserted.\n',
  );
  return target;
}

/** A block that was cut off must not be known by its request: then its repetition would not be stored either. */
async function cutIndex(path: string, bytes: number): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.truncate(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function blockIsWhole(
  handle: FileHandle,
  position: number,
  length: number,
  checksum: number,
): Promise<boolean> {
  const block = Buffer.allocUnsafe(length);
  const { bytesRead } = await handle.read(block, 0, length, position);
  return bytesRead === length && crc32(block) === checksum;
}

export async function removeSegment(path: string): Promise<void> {
  // The data file goes first: an index without data is nothing, data without index would be an empty segment.
  await removeData(path);
  await rm(indexPath(path), { force: true });
}

export const removeData = (path: string): Promise<void> => rm(path, { force: true });
