/** Gets one message, as long as the bytes of the chunk stay as they are. `cut`: it was longer than allowed. */
export type TakeMessage = (message: Uint8Array, cut: boolean) => void;

const newline = 0x0a;
const carriageReturn = 0x0d;
const space = 0x20;
const lessThan = 0x3c;
const zero = 0x30;
const nine = 0x39;
/** A length of more digits than that is none that anybody sends. */
const countDigitsMax = 9;

/**
 * Splits what a connection carries into messages (RFC 6587). Each one may be counted in octets ("57 <34>1 …") or end with a
 * newline; which of the two is told by its first bytes. What is longer than allowed keeps its start.
 * At most `messageBytesMax` bytes and one chunk are held.
 */
export class FrameReader {
  private readonly messageBytesMax: number;
  private readonly take: TakeMessage;
  private rest: Uint8Array = new Uint8Array(0);
  /** Bytes of a cut message that are still to come; Infinity: up to the next newline. */
  private skip = 0;
  private counted = false;

  constructor(messageBytesMax: number, take: TakeMessage) {
    this.messageBytesMax = messageBytesMax;
    this.take = take;
  }

  push(chunk: Uint8Array): void {
    const data = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    let at = this.skipped(data, 0);
    while (at < data.length) {
      const next = this.message(data, at);
      if (next < 0) break;
      at = this.skipped(data, next);
    }
    // A copy: a few bytes must not hold the whole chunk.
    this.rest = at < data.length ? data.slice(at) : new Uint8Array(0);
  }

  /** The connection has ended: what there is of an unfinished message is kept. */
  end(): void {
    const { rest } = this;
    this.rest = new Uint8Array(0);
    if (rest.length === 0) return;
    const start = this.countedStart(rest, 0);
    this.emit(rest, start === undefined || start.from > rest.length ? 0 : start.from, rest.length, false);
  }

  private skipped(data: Uint8Array, at: number): number {
    if (this.skip === 0) return at;
    if (this.skip === Number.POSITIVE_INFINITY) {
      const end = data.indexOf(newline, at);
      if (end < 0) return data.length;
      this.skip = 0;
      return end + 1;
    }
    const count = Math.min(this.skip, data.length - at);
    this.skip -= count;
    return at + count;
  }

  /** Reads the message at `at`; answers where the next one begins, or -1 when this one is not complete. */
  private message(data: Uint8Array, at: number): number {
    const start = this.countedStart(data, at);
    if (start === undefined) return this.line(data, at);
    if (start.octets < 0) return -1;
    const size = Math.min(start.octets, this.messageBytesMax);
    const end = start.from + size;
    if (end > data.length) return -1;
    this.counted = true;
    this.skip = start.octets - size;
    this.emit(data, start.from, end, this.skip > 0);
    return end;
  }

  private line(data: Uint8Array, at: number): number {
    const end = data.indexOf(newline, at);
    const length = (end < 0 ? data.length : end) - at;
    if (end < 0 && length <= this.messageBytesMax) return -1;
    this.counted = false;
    const cut = length > this.messageBytesMax;
    this.emit(data, at, at + Math.min(length, this.messageBytesMax), cut);
    if (end >= 0) return end + 1;
    this.skip = Number.POSITIVE_INFINITY;
    return data.length;
  }

  /**
   * Where a counted message begins and how long it is (-1: not known yet); undefined when it is a line. A line may begin
   * with a number too, so a count needs "<" behind it, unless the message before was counted.
   */
  private countedStart(data: Uint8Array, at: number): { octets: number; from: number } | undefined {
    let octets = 0;
    let i = at;
    for (; i < data.length; i++) {
      const byte = data[i] ?? 0;
      if (byte < zero || byte > nine) break;
      if (i - at === countDigitsMax || (i === at && byte === zero)) return undefined;
      octets = octets * 10 + byte - zero;
    }
    if (i === at) return undefined;
    if (i === data.length) return { octets: -1, from: i };
    if (data[i] !== space) return undefined;
    if (this.counted) return { octets, from: i + 1 };
    if (i + 1 === data.length) return { octets: -1, from: i + 1 };
    return data[i + 1] === lessThan ? { octets, from: i + 1 } : undefined;
  }

  private emit(data: Uint8Array, from: number, to: number, cut: boolean): void {
    let end = to;
    if (!cut) end = withoutTrailer(data, from, to);
    if (end > from) this.take(data.subarray(from, end), cut);
  }
}

/** Senders end messages with a newline, both characters of it, or a zero byte, even where they count octets. */
export function withoutTrailer(data: Uint8Array, from: number, to: number): number {
  let end = to;
  while (end > from) {
    const last = data[end - 1];
    if (last !== newline && last !== carriageReturn && last !== 0) break;
    end -= 1;
  }
  return end;
}
