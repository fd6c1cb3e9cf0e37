import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What stays in memory; what is older waits in files. */
export interface SpoolSizes {
  /** Numbers of one piece, 4 bytes each. */
  pieceNumbers: number;
  piecesInMemory: number;
  textBytes: number;
}

const defaultSizes: SpoolSizes = { pieceNumbers: 1 << 20, piecesInMemory: 8, textBytes: 1 << 20 };

/** Keeps a number for each line, and the text of lines that have none yet, in order and in bounded memory. */
export class LineSpool {
  #piece: Int32Array;
  #filled = 0;
  #full: Int32Array[] = [];
  #folder = '';
  #numbers = -1;
  #spilled = 0;
  #texts = -1;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  readonly #sizes: SpoolSizes;

  constructor(sizes = defaultSizes) {
    this.#sizes = sizes;
    this.#piece = new Int32Array(sizes.pieceNumbers);
  }

  push(number: number): void {
    if (this.#filled === this.#piece.length) {
      this.#full.push(this.#piece);
      this.#piece = new Int32Array(this.#sizes.pieceNumbers);
      this.#filled = 0;
      if (this.#full.length > this.#sizes.piecesInMemory) this.#spill();
    }
    this.#piece[this.#filled++] = number;
  }

  /** A line of bytes without a line feed; its number is -1. */
  pushText(line: Buffer): void {
    this.push(-1);
    const copy = Buffer.alloc(line.length + 4);
    copy.writeUInt32LE(line.length, 0);
    line.copy(copy, 4);
    this.#waiting.push(copy);
    this.#waitingBytes += copy.length;
    if (this.#waitingBytes >= this.#sizes.textBytes) this.#writeTexts();
  }

  /** Numbers in pieces, in the order of lines; a piece is good until the next one. */
  *pieces(): Generator<Int32Array> {
    const bytes = new Int32Array(this.#sizes.pieceNumbers);
    for (let piece = 0; piece < this.#spilled; piece++) {
      readAll(this.#numbers, new Uint8Array(bytes.buffer), piece * bytes.byteLength);
      yield bytes;
    }
    yield* this.#full;
    yield this.#piece.subarray(0, this.#filled);
  }

  /** Texts of the lines of number -1, in order. */
  *texts(): Generator<string> {
    if (this.#waiting.length === 0 && this.#texts < 0) return;
    this.#writeTexts();
    const length = Buffer.alloc(4);
    for (let at = 0; readAll(this.#texts, length, at) === 4; ) {
      const text = Buffer.alloc(length.readUInt32LE(0));
      readAll(this.#texts, text, at + 4);
      at += 4 + text.length;
      yield text.toString('utf8');
    }
  }

  close(): void {
    for (const file of [this.#numbers, this.#texts]) if (file >= 0) closeSync(file);
    if (this.#folder !== '') rmSync(this.#folder, { recursive: true, force: true });
  }

  #open(name: string): number {
    if (this.#folder === '') this.#folder = mkdtempSync(join(tmpdir(), 'clew-patterns-'));
    return openSync(join(this.#folder, name), 'w+', 0o600);
  }

  #spill(): void {
    if (this.#numbers < 0) this.#numbers = this.#open('numbers');
    for (const piece of this.#full) writeAll(this.#numbers, new Uint8Array(piece.buffer));
    this.#spilled += this.#full.length;
    this.#full = [];
  }

  #writeTexts(): void {
    if (this.#texts < 0) this.#texts = this.#open('texts');
    writeAll(this.#texts, Buffer.concat(this.#waiting));
    this.#waiting = [];
    this.#waitingBytes = 0;
  }
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}

function readAll(file: number, bytes: Uint8Array, position: number): number {
  let at = 0;
  while (at < bytes.length) {
    const read = readSync(file, bytes, at, bytes.length - at, position + at);
    if (read === 0) break;
    at += read;
  }
  return at;
}
