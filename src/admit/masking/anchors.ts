import { ClewError } from '../../lib/index.ts';

/** A literal that every match of a rule holds. The scan looks for it instead of running the pattern. */
export interface Anchor {
  text: string;
  ignoreCase: boolean;
  /**
   * `assignment`: it counts only before `=` or `:`, with quotes and blanks between; `word`: only before a letter, digit,
   * `_` or `-`.
   */
  followedBy: 'assignment' | 'word' | null;
}

/** One place where an anchor may stand: `gram` found at `p` means that the anchor begins at `p - offset`. */
export interface Place {
  anchor: Anchor;
  bytes: Uint8Array;
  offset: number;
}

/** Setting this bit in each byte makes letters lower-case, at the price of merging a few marks. */
export const foldMask = 0x20202020;
const fold = (code: number): number => code | 0x20;
const any = [...new Set(Array.from({ length: 256 }, (_, code) => fold(code)))];
/** What may follow a name before the sign of assignment. */
const assignmentNext = [...new Set([...'=:"\'\\ \t'].map((text) => fold(text.charCodeAt(0))))];

/** What may follow the beginning of a key. */
const wordNext = [
  ...new Set([...'abcdefghijklmnopqrstuvwxyz0123456789_-'].map((text) => fold(text.charCodeAt(0)))),
];

/** 32 KB: of the groups in ordinary text one in a hundred is looked at in vain. */
const tableBits = 18;
export const multiplier = 0x9e3779b1;
export const hashShift = 32 - tableBits;
export const gramHash = (folded: number): number => Math.imul(folded, multiplier) >>> hashShift;

/**
 * Finds literals while looking at every fourth position only. Memory is read as 32-bit words, so of a literal one aligned
 * group of four bytes is known to be seen, whichever of four alignments it has; all those groups are in a table of bits.
 * Where a literal is too short for that, the byte before or after it is enumerated.
 */
export class AnchorTable {
  /** One bit per hash of a folded group. */
  readonly bits = new Int32Array(1 << (tableBits - 5));
  private readonly places = new Map<number, Place[]>();
  /**
   * Literals of four bytes show only two of them in one of the alignments. These are compared directly: `(word & mask) === value`.
   */
  readonly tailMask1: number;
  readonly tailValue1: number;
  readonly tailMask2: number;
  readonly tailValue2: number;

  constructor(anchors: readonly Anchor[]) {
    const tails: number[] = [];
    for (const anchor of anchors) {
      const bytes = new TextEncoder().encode(anchor.text);
      const folded = [...bytes].map(fold);
      if (folded.length < anchorBytesMin) {
        throw new ClewError(
          'unprocessable',
          `anchor ${JSON.stringify(anchor.text)} is shorter than ${anchorBytesMin} bytes`,
        );
      }
      for (let offset = 0; offset < 4; offset++) {
        const place = { anchor, bytes, offset };
        if (folded.length === 4 && offset === 2) {
          tails.push(((folded[3] ?? 0) << 8) | (folded[2] ?? 0));
          this.heads.push(((folded[1] ?? 0) << 8) | (folded[0] ?? 0));
          this.shortPlaces.push(place);
        } else this.add(folded, place);
      }
    }
    const [one = noTail, two = noTail] = tailTests(tails);
    this.tailMask1 = one.mask;
    this.tailValue1 = one.value;
    this.tailMask2 = two.mask;
    this.tailValue2 = two.value;
  }

  /** The two bytes before such a pair, for a first look. */
  private readonly heads: number[] = [];
  /** Places of literals of four bytes whose last two begin the group. */
  readonly shortPlaces: Place[] = [];

  placesOf(folded: number): readonly Place[] | undefined {
    return this.places.get(folded);
  }

  mayHave(folded: number): boolean {
    const hash = gramHash(folded);
    return (((this.bits[hash >>> 5] ?? 0) >>> hash) & 1) !== 0;
  }

  /** Whether a literal of four bytes may end in the first half of `folded`; `before` is the word before it. */
  hasTail(folded: number, before: number): boolean {
    const tail =
      (folded & this.tailMask1) === this.tailValue1 || (folded & this.tailMask2) === this.tailValue2;
    return tail && this.heads.includes((before | foldMask) >>> 16);
  }

  private add(folded: readonly number[], place: Place): void {
    const { offset } = place;
    const after = Math.max(0, offset + 4 - folded.length);
    const before = 4 - offset;
    const { followedBy } = place.anchor;
    const next = followedBy === 'assignment' ? assignmentNext : followedBy === 'word' ? wordNext : any;
    const single = (byte: number | undefined): readonly number[] => (byte === undefined ? [] : [byte]);
    if (after === 0) {
      this.enumerate(folded.slice(offset, offset + 4).map(single), place);
    } else if (after === 1) {
      this.enumerate([...folded.slice(offset).map(single), next], place);
    } else if (before === 1) {
      this.enumerate([any, ...folded.slice(0, offset).map(single)], { ...place, offset: -1 });
    } else this.enumerate([...folded.slice(offset).map(single), next, any], place);
  }

  private enumerate(choices: readonly (readonly number[])[], place: Place): void {
    const [first = [], second = [], third = [], fourth = []] = choices;
    for (const a of first)
      for (const b of second)
        for (const c of third)
          for (const d of fourth) {
            const gram = (d << 24) | (c << 16) | (b << 8) | a;
            const hash = gramHash(gram);
            this.bits[hash >>> 5] = (this.bits[hash >>> 5] ?? 0) | (1 << (hash & 31));
            const known = this.places.get(gram);
            if (known === undefined) this.places.set(gram, [place]);
            else known.push(place);
          }
  }
}

const anchorBytesMin = 4;
const tailsMax = 2;
/** A comparison that never holds. */
const noTail = { mask: 0, value: 1 };

/** At most two comparisons: equal pairs, or pairs that share their last byte. */
function tailTests(pairs: readonly number[]): { mask: number; value: number }[] {
  const byLast = new Map<number, Set<number>>();
  for (const pair of pairs) {
    const last = pair >>> 8;
    byLast.set(last, (byLast.get(last) ?? new Set()).add(pair));
  }
  if (byLast.size > tailsMax) {
    throw new ClewError(
      'unprocessable',
      'anchors of four bytes may end in two different letters only; give five bytes or more',
    );
  }
  return [...byLast].map(([last, group]) => {
    const [only = 0] = group;
    return group.size === 1 ? { mask: 0xffff, value: only } : { mask: 0xff00, value: last << 8 };
  });
}

/** Whether the anchor stands at `at`, whole and inside of `[start, end)`. */
export function anchorStandsAt(
  place: Place,
  bytes: Uint8Array,
  at: number,
  start: number,
  end: number,
): boolean {
  const { anchor, bytes: wanted } = place;
  const stop = at + wanted.length;
  if (at < start || stop > end) return false;
  for (let i = 0; i < wanted.length; i++) {
    const found = bytes[at + i] ?? 0;
    const expected = wanted[i] ?? 0;
    if (found === expected) continue;
    if (!anchor.ignoreCase || !isLetter(found) || fold(found) !== fold(expected)) return false;
  }
  if (anchor.followedBy === null) return true;
  if (anchor.followedBy === 'word') return stop < end && wordNext.includes(fold(bytes[stop] ?? 0));
  return assignedAfter(bytes, stop, Math.min(end, stop + assignmentBytesMax));
}

const isLetter = (code: number): boolean => (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
/** Three backslashes, a quote, two blanks and the sign. */
const assignmentBytesMax = 7;

function assignedAfter(bytes: Uint8Array, from: number, end: number): boolean {
  for (let at = from; at < end; at++) {
    const code = bytes[at];
    if (code === 0x3d || code === 0x3a) return true;
    // Backslash, quotes and blanks.
    if (code !== 0x5c && code !== 0x22 && code !== 0x27 && code !== 0x20 && code !== 0x09) return false;
  }
  return false;
}
