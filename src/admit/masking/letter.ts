import type { Letter, Masker } from '../../receive/index.ts';

/**
 * A dead letter without what the masking rules hide in records, also what an attribute of a secret name holds. Nobody could
 * read it, so it is looked at as text, whatever its form. In a binary form lengths are part of the frame: there every
 * hidden byte becomes `*`, and the letter can still be replayed. Packed bytes (gzip, zstd) that could not be unpacked tell
 * no text and stay.
 */
export function maskedLetter(masker: Masker, letter: Letter): Letter {
  const { tenant, contentType } = letter;
  const reason = masker.mask(letter.reason, tenant);
  const bytes = Buffer.from(letter.payload.buffer, letter.payload.byteOffset, letter.payload.byteLength);
  if (binaryTypes.test(contentType) || isBinary(bytes))
    return { ...letter, reason, payload: maskedFrame(masker, bytes, tenant) };
  const text = bytes.toString('utf8');
  // Bytes that are no UTF-8 may be why it is here; each of them must come out as it went in.
  const encoding = Buffer.byteLength(text) === bytes.length && !text.includes('\ufffd') ? 'utf8' : 'latin1';
  const before = encoding === 'utf8' ? text : bytes.toString('latin1');
  const after = masker.mask(maskedPairs(masker, before, tenant), tenant);
  return after === before && reason === letter.reason
    ? letter
    : { ...letter, reason, payload: Buffer.from(after, encoding) };
}

const binaryTypes = /protobuf|thrift|octet-stream|snappy/i;
/** Bytes that are looked at to tell text from a frame. */
const sampleBytes = 4_096;

function isBinary(bytes: Uint8Array): boolean {
  const end = Math.min(bytes.length, sampleBytes);
  for (let i = 0; i < end; i++) {
    const code = bytes[i] ?? 0;
    if (code < 0x20 && code !== 0x09 && code !== 0x0a && code !== 0x0d && code !== 0x1b) return true;
  }
  return false;
}

/** A name and a text of JSON; of JSON inside a text the quotes are escaped. */
const jsonPair = /"((?:[^"\\]|\\.){1,256})"(\s{0,16}:\s{0,16})"((?:[^"\\]|\\.)*)"/g;
/** An attribute as OTLP writes it in JSON. */
const otlpPair =
  /"key"\s{0,16}:\s{0,16}"((?:[^"\\]|\\.){1,256})"(\s{0,16},\s{0,16}"value"\s{0,16}:\s{0,16}\{\s{0,16}"stringValue"\s{0,16}:\s{0,16})"((?:[^"\\]|\\.)*)"/g;
/** A parameter of syslog's structured data, a label of Loki. */
const labelPair = /(?<![\w.-])([\w.-]{1,256})(=)"((?:[^"\\]|\\.)*)"/g;

/** Values whose name alone says that they are secret. */
function maskedPairs(masker: Masker, text: string, tenant: string): string {
  let result = text;
  for (const pattern of [jsonPair, otlpPair, labelPair]) {
    result = result.replace(pattern, (whole: string, key: string, between: string, value: string) => {
      if (value === '' || !isSecret(masker, key, tenant)) return whole;
      return `${whole.slice(0, whole.length - value.length - between.length - 2)}${between}"${masker.maskedValue}"`;
    });
  }
  return result;
}

function isSecret(masker: Masker, key: string, tenant: string): boolean {
  const name = Buffer.from(key);
  return masker.suspectsKey(name, 0, name.length) && masker.maskKey(key, tenant);
}

/** The frame with its length and all lengths in it as they were. */
function maskedFrame(masker: Masker, bytes: Buffer, tenant: string): Buffer {
  const result = Buffer.from(bytes);
  for (const { key, start, end } of attributesOf(bytes))
    if (isSecret(masker, key, tenant)) result.fill('*', start, end);
  const before = result.toString('latin1');
  // Labels of Loki are a text in the frame.
  const labels = before.replace(labelPair, (whole: string, key: string, _: string, value: string) =>
    isSecret(masker, key, tenant) ? `${key}="${'*'.repeat(value.length)}"` : whole,
  );
  return Buffer.from(masker.blank(labels, tenant), 'latin1');
}

interface Attribute {
  key: string;
  /** Bytes of the value's text. */
  start: number;
  end: number;
}

const keyBytesMax = 127;

/** What looks like an attribute of OTLP: field 1 a short text, field 2 a value whose field 1 is a text. */
function* attributesOf(bytes: Buffer): Generator<Attribute> {
  for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) {
    const keyBytes = bytes[at + 1] ?? 0;
    const value = at + 2 + keyBytes;
    if (keyBytes === 0 || keyBytes > keyBytesMax || bytes[value] !== 0x12) continue;
    const any = lengthAt(bytes, value + 1);
    if (any === undefined || bytes[any.next] !== 0x0a) continue;
    const text = lengthAt(bytes, any.next + 1);
    if (text === undefined || text.next + text.length > any.next + any.length) continue;
    const key = bytes.toString('utf8', at + 2, value);
    yield { key, start: text.next, end: Math.min(text.next + text.length, bytes.length) };
  }
}

/** A varint of up to four bytes, and where what follows it begins. */
function lengthAt(bytes: Buffer, at: number): { length: number; next: number } | undefined {
  let length = 0;
  for (let i = 0; i < 4; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) return undefined;
    length |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) return { length, next: at + i + 1 };
  }
  return undefined;
}
