/**
 * Large byte buffers that are used again. Without it, each request leaves some hundred kilobytes to the garbage collector,
 * which then marks the whole heap many times a second (measured: a quarter of the CPU of ingest).
 */

/** Smaller ones are not worth it, larger ones would keep memory that is seldom needed. */
const pooledBytesMin = 16_384;
const pooledBytesMax = 8_388_608;
/** Kept for the next use, all sizes together. */
const keptBytesMax = 67_108_864;

const free = new Map<number, ArrayBuffer[]>();
/** Buffers somebody holds, so that one can't be given back twice. */
const lent = new WeakSet<ArrayBufferLike>();
let kept = 0;

const sizeOf = (bytes: number): number => 2 ** Math.ceil(Math.log2(Math.max(bytes, pooledBytesMin)));

/** A buffer of `bytes` bytes with anything in it. */
export function takeBuffer(bytes: number): Buffer<ArrayBuffer> {
  if (bytes > pooledBytesMax) return Buffer.from(new ArrayBuffer(bytes));
  const size = sizeOf(bytes);
  let buffer = free.get(size)?.pop();
  if (buffer === undefined) buffer = Buffer.allocUnsafeSlow(size).buffer;
  else kept -= size;
  lent.add(buffer);
  return Buffer.from(buffer, 0, bytes);
}

/**
 * Gives a buffer (or a part that begins at its start) back; nobody may read it afterwards. Bytes that did not come from
 * `takeBuffer`, or came back before, are left alone.
 */
export function giveBuffer(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (!(buffer instanceof ArrayBuffer) || !lent.delete(buffer)) return;
  const size = buffer.byteLength;
  if (kept + size > keptBytesMax) return;
  kept += size;
  const same = free.get(size);
  if (same) same.push(buffer);
  else free.set(size, [buffer]);
}
