/** Above this capacity a buffer is let go after use, so that one huge request does not stay in memory for ever. */
const keptBytesMax = 1_048_576;
const shortTextMax = 48;
const encoder = new TextEncoder();

/** A growing byte buffer. Writers never allocate unless it must grow. */
export class ByteBuffer {
  bytes: Uint8Array;
  length = 0;
  private readonly initial: number;
  private view: DataView;

  constructor(initial = 256) {
    this.initial = initial;
    this.bytes = new Uint8Array(initial);
    this.view = new DataView(this.bytes.buffer);
  }

  reserve(more: number): void {
    const needed = this.length + more;
    if (needed <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.length));
    this.replace(grown);
  }

  reset(): void {
    this.length = 0;
    if (this.bytes.length > keptBytesMax) this.replace(new Uint8Array(this.initial));
  }

  byte(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  varint(value: number): void {
    this.reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.bytes[this.length++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.bytes[this.length++] = rest;
  }

  uint16(value: number): void {
    this.reserve(2);
    this.view.setUint16(this.length, value, true);
    this.length += 2;
  }

  uint32(value: number): void {
    this.reserve(4);
    this.view.setUint32(this.length, value, true);
    this.length += 4;
  }

  /** A 64-bit integer in two halves, low first. */
  uint64(low: number, high: number): void {
    this.reserve(8);
    this.view.setUint32(this.length, low, true);
    this.view.setUint32(this.length + 4, high, true);
    this.length += 8;
  }

  float64(value: number): void {
    this.reserve(8);
    this.view.setFloat64(this.length, value, true);
    this.length += 8;
  }

  raw(source: Uint8Array, start: number, end: number): void {
    const count = end - start;
    this.reserve(count);
    const target = this.bytes;
    const at = this.length;
    // Below some forty bytes a loop beats the call that copies; most tokens are shorter.
    if (count < 40) for (let i = 0; i < count; i++) target[at + i] = source[start + i] ?? 0;
    else target.set(source.subarray(start, end), at);
    this.length = at + count;
  }

  /** UTF-8 of a text; returns the bytes written. */
  text(value: string): number {
    this.reserve(value.length * 3);
    const start = this.length;
    if (value.length <= shortTextMax) {
      // Numbers and names are short and ASCII: writing them here takes a third of the call's time.
      let at = start;
      for (let i = 0; i < value.length; i++) {
        const code = value.charCodeAt(i);
        if (code >= 0x80) break;
        this.bytes[at++] = code;
      }
      if (at - start === value.length) {
        this.length = at;
        return value.length;
      }
    }
    const { written } = encoder.encodeInto(value, this.bytes.subarray(this.length));
    this.length += written;
    return written;
  }

  private replace(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
  }
}
