import {
  type Anchor,
  AnchorTable,
  anchorStandsAt,
  foldMask,
  hashShift,
  multiplier,
  type Place,
} from './anchors.ts';

export interface ScanOptions {
  anchors: readonly Anchor[];
  /** Whether the number (13 or more digits, or 11, standing alone) may be one to hide; absent: no rule is about numbers. */
  digits: ((run: string) => boolean) | null;
  /** For each rule about numbers, what is known of their first digits, by length. */
  firstDigits: readonly (Readonly<Record<string, string>> | null)[];
  atSign: boolean;
  /** A rule without an anchor: every text must be looked at. */
  always: boolean;
}

/** No secret or number that a rule finds is shorter, nor are names with values. */
const textBytesMin = 8;
const digitsMin = 11;
/** As far as the longest name and host of an address with a password reach. */
const addressBytesMax = 1_300;

/** Character classes for the boundaries of numbers and addresses. */
const isDigit = (code: number): boolean => code >= 48 && code <= 57;
const isWord = (code: number): boolean =>
  isDigit(code) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 0x5f;
const isJoined = (code: number): boolean => isWord(code) || code === 0x2d || code === 0x2e;
const isLocalPart = (code: number): boolean => isJoined(code) || code === 0x25 || code === 0x2b;

/**
 * The cheap question: may this text hold something to hide? It reads four bytes at a time and asks of each word: is an `@`
 * in it, is it all digits, may it be part of a known literal. Only then it looks closer. Never false in error, seldom true
 * in error; `masking.test.ts` holds both.
 */
export class Scan {
  private readonly table: AnchorTable;
  private readonly options: ScanOptions;
  private readonly atMask: number;
  /** Whether a number of a length (row) that begins with a digit (column) may be one to hide. */
  private readonly plausible: Uint8Array;
  private bytes: Uint8Array = new Uint8Array(0);
  private base = 0;
  private words: Int32Array<ArrayBufferLike> = new Int32Array(0);
  /** The array before this one: receivers take turns between a request and what they render of it. */
  private former: { bytes: Uint8Array; base: number; words: Int32Array<ArrayBufferLike> };
  /** Where the last number that was looked at ends; it need not be looked at again. */
  private judgedTo = 0;

  constructor(options: ScanOptions) {
    this.options = options;
    this.former = { bytes: this.bytes, base: 0, words: this.words };
    this.table = new AnchorTable(options.anchors);
    this.plausible = plausibleNumbers(options.firstDigits);
    this.atMask = options.atSign ? 0x80808080 | 0 : 0;
  }

  suspects(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start < textBytesMin) return false;
    if (this.options.always) return true;
    if (bytes !== this.bytes) this.view(bytes);
    this.judgedTo = 0;
    const { base } = this;
    const last = Math.min((base + end + 3) >>> 2, this.words.length);
    for (let i = this.next((base + start) >>> 2, last); i < last; ) {
      if (this.closer(bytes, i, start, end)) return true;
      // A number that was judged is passed over as a whole.
      i = this.next(Math.max(i + 1, (this.judgedTo + base) >>> 2), last);
    }
    return false;
  }

  /**
   * The first word from `from` on that is worth a closer look; `last` when there is none. Nothing is called here: the
   * registers that a call may need would cost the loop two thirds of its speed.
   */
  private next(from: number, last: number): number {
    const { words, atMask } = this;
    const { bits, tailMask1, tailValue1, tailMask2, tailValue2 } = this.table;
    const before = from === 0 ? 0 : (words[from - 1] ?? 0);
    let digitsBefore = (before & 0xf0f0f0f0) ^ 0x30303030;
    let digitsFirst = (before & 0xe0f0f0f0) ^ 0x20303030;
    for (let i = from; i < last; i++) {
      const word = words[i] ?? 0;
      // A byte of `at` is zero where the word has an `@`; the usual trick finds a zero byte in a word.
      const at = word ^ 0x40404040;
      const folded = word | foldMask;
      const hash = Math.imul(folded, multiplier) >>> hashShift;
      // Zero where the word is all digits; the others also take a mark as the first or last byte. A long number shows two
      // such words beside each other, groups of four digits show one pair. Six more than a digit has its upper half still.
      const more = (word + 0x06060606) & 0x40404040;
      const digits = ((word & 0xf0f0f0f0) ^ 0x30303030) | more;
      const digitsLast = ((word & 0xf0f0f0e0) ^ 0x30303020) | more;
      if (
        (((at - 0x01010101) & ~at & atMask) | (((bits[hash >>> 5] ?? 0) >>> hash) & 1)) !== 0 ||
        (folded & tailMask1) === tailValue1 ||
        (folded & tailMask2) === tailValue2 ||
        (digitsLast | digitsBefore) === 0 ||
        (digits | digitsFirst) === 0
      ) {
        return i;
      }
      digitsBefore = digits;
      digitsFirst = ((word & 0xe0f0f0f0) ^ 0x20303030) | more;
    }
    return last;
  }

  /** Asking an array for its memory takes as long as scanning a line, so the answer is kept for the array. */
  private view(bytes: Uint8Array): void {
    const { former } = this;
    this.former = { bytes: this.bytes, base: this.base, words: this.words };
    this.bytes = bytes;
    this.base = bytes.byteOffset;
    this.words =
      former.bytes === bytes ? former.words : new Int32Array(bytes.buffer, 0, bytes.buffer.byteLength >>> 2);
  }

  /** Looks at the word of index `i`; it may begin up to three bytes before the text. */
  private closer(bytes: Uint8Array, i: number, start: number, end: number): boolean {
    const p = (i << 2) - this.base;
    const word = this.words[i] ?? 0;
    if (isDigits(word) && this.number(bytes, p, start, end)) return true;
    const before = i === 0 ? 0 : (this.words[i - 1] ?? 0);
    if (isDigits(before) && this.number(bytes, p - 4, start, end)) return true;
    const at = word ^ 0x40404040;
    if (((at - 0x01010101) & ~at & this.atMask) !== 0 && this.atSign(bytes, p, start, end)) return true;
    const { table } = this;
    const folded = word | foldMask;
    if (table.hasTail(folded, before) && standsAtAny(table.shortPlaces, bytes, p, start, end)) return true;
    if (!table.mayHave(folded)) return false;
    const places = table.placesOf(folded);
    return places !== undefined && standsAtAny(places, bytes, p, start, end);
  }

  private atSign(bytes: Uint8Array, p: number, start: number, end: number): boolean {
    for (let at = Math.max(p, start); at < Math.min(p + 4, end); at++)
      if (bytes[at] === 0x40 && address(bytes, at, start, end)) return true;
    return false;
  }

  private number(bytes: Uint8Array, p: number, start: number, end: number): boolean {
    const { digits } = this.options;
    if (digits === null || p < start || p < this.judgedTo || !isDigit(bytes[p] ?? 0)) return false;
    if (p + 4 > end || !isDigit(bytes[p + 3] ?? 0)) return false;
    if (!isDigit(bytes[p + 1] ?? 0) || !isDigit(bytes[p + 2] ?? 0)) return false;
    let from = p;
    const lowest = Math.max(start, p - digitsMax);
    while (from > lowest && isDigit(bytes[from - 1] ?? 0)) from -= 1;
    let to = p + 4;
    const highest = Math.min(end, p + 4 + digitsMax);
    while (to < highest && isDigit(bytes[to] ?? 0)) to += 1;
    this.judgedTo = to;
    const length = to - from;
    if (length === 4) return grouped(bytes, from, start, end);
    if (length < digitsMin || length > digitsMax) return false;
    if (from > start && isJoined(bytes[from - 1] ?? 0) && !afterCountry(bytes, from, start)) return false;
    const next = to < end ? (bytes[to] ?? 0) : 0;
    const lastIsX = length === 17 && (next === 0x58 || next === 0x78);
    if (!lastIsX && (isWord(next) || next === 0x2d)) return false;
    const known = lastIsX || this.plausible[length * 10 + (bytes[from] ?? 0) - 48] === 1;
    if (!known) return false;
    const run = Buffer.from(bytes.buffer, bytes.byteOffset + from, length + (lastIsX ? 1 : 0));
    return digits(run.toString('latin1'));
  }
}

const isDigits = (word: number): boolean => (word & 0xf0f0f0f0) === 0x30303030;

/** +86 and eleven digits, eighteen of an identity number, nineteen of a card. */
const digitsMax = 19;

function plausibleNumbers(rules: ScanOptions['firstDigits']): Uint8Array {
  const table = new Uint8Array((digitsMax + 1) * 10);
  for (const rule of rules) {
    if (rule === null) table.fill(1);
    else
      for (const [length, digits] of Object.entries(rule))
        for (const digit of digits) table[Number(length) * 10 + Number(digit)] = 1;
  }
  return table;
}

/** `86-` or `86 ` before a number. */
const afterCountry = (bytes: Uint8Array, from: number, start: number): boolean =>
  from - 3 >= start && bytes[from - 1] === 0x2d && bytes[from - 2] === 0x36 && bytes[from - 3] === 0x38;

/** Four groups of four digits beside each other, of which one begins at `at`. */
function grouped(bytes: Uint8Array, at: number, start: number, end: number): boolean {
  let groups = 1;
  for (let from = at - 5; groups < 4 && isGroup(bytes, from, start, end, from + 4); from -= 5) groups += 1;
  for (let from = at + 5; groups < 4 && isGroup(bytes, from, start, end, from - 1); from += 5) groups += 1;
  return groups >= 4;
}

function isGroup(bytes: Uint8Array, from: number, start: number, end: number, separatorAt: number): boolean {
  if (from < start || from + 4 > end) return false;
  const separator = bytes[separatorAt];
  if (separator !== 0x20 && separator !== 0x2d) return false;
  for (let at = from; at < from + 4; at++) if (!isDigit(bytes[at] ?? 0)) return false;
  return true;
}

/** Whether the `@` stands in an e-mail address, or after a user and a password. */
function address(bytes: Uint8Array, at: number, start: number, end: number): boolean {
  if (at === start || at + 3 >= end) return false;
  if (isLocalPart(bytes[at - 1] ?? 0) && isDomain(bytes, at + 1, end)) return true;
  const from = Math.max(start, at - addressBytesMax);
  for (let i = at - 1; i > from; i--) {
    const code = bytes[i] ?? 0;
    if (code <= 32 || code === 0x40) return false;
    if (code === 0x2f && bytes[i - 1] === 0x2f) return i - 2 >= from && bytes[i - 2] === 0x3a;
  }
  return false;
}

/** A name with a dot and letters after its last dot; `1.2.3` is a version. */
function isDomain(bytes: Uint8Array, from: number, end: number): boolean {
  let dots = 0;
  for (let at = from; at < end && at < from + addressBytesMax; at++) {
    const code = bytes[at] ?? 0;
    if (code === 0x2e) {
      const next = at + 1 < end ? (bytes[at + 1] ?? 0) : 0;
      if (isWord(next) && !isDigit(next)) return at > from;
      dots += 1;
    } else if (!isWord(code) && code !== 0x2d) return false;
    if (dots > 8) return false;
  }
  return false;
}

function standsAtAny(
  places: readonly Place[],
  bytes: Uint8Array,
  p: number,
  start: number,
  end: number,
): boolean {
  for (const place of places) if (anchorStandsAt(place, bytes, p - place.offset, start, end)) return true;
  return false;
}
