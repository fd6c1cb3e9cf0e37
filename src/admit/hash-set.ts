/**
 * A set of 32-bit hashes in one typed array: 8 bytes an entry at most. Two texts share a hash once in four thousand
 * million pairs; the set then counts one too few.
 */
export class HashSet32 {
  size = 0;
  private slots: Uint32Array;

  constructor(initial = 16) {
    this.slots = new Uint32Array(initial);
  }

  has(hash: number): boolean {
    return this.slots[this.find(hash)] !== 0;
  }

  add(hash: number): void {
    const at = this.find(hash);
    if (this.slots[at] !== 0) return;
    this.slots[at] = key(hash);
    this.size += 1;
    if (this.size * 2 > this.slots.length) this.grow();
  }

  private find(hash: number): number {
    const wanted = key(hash);
    const mask = this.slots.length - 1;
    let at = Math.imul(wanted, 0x9e3779b1) >>> 7;
    for (;;) {
      at &= mask;
      const found = this.slots[at];
      if (found === 0 || found === wanted) return at;
      at += 1;
    }
  }

  private grow(): void {
    const old = this.slots;
    this.slots = new Uint32Array(old.length * 2);
    for (const value of old) if (value !== 0) this.slots[this.find(value)] = value;
  }
}

/** Zero marks an empty slot. */
const key = (hash: number): number => (hash >>> 0 === 0 ? 1 : hash >>> 0);

/** A set of 64-bit ids in two typed arrays: 16 bytes an entry at most. */
export class HashSet64 {
  size = 0;
  private low: Uint32Array;
  private high: Uint32Array;

  constructor(initial = 1024) {
    this.low = new Uint32Array(initial);
    this.high = new Uint32Array(initial);
  }

  has(low: number, high: number): boolean {
    const at = this.find(low >>> 0, key(high));
    return this.high[at] !== 0;
  }

  add(low: number, high: number): void {
    const at = this.find(low >>> 0, key(high));
    if (this.high[at] !== 0) return;
    this.low[at] = low;
    this.high[at] = key(high);
    this.size += 1;
    if (this.size * 2 > this.low.length) this.grow();
  }

  private find(low: number, high: number): number {
    const mask = this.low.length - 1;
    // Both halves are mixed well, for ids that count upwards must not fall onto each other.
    let at = Math.imul(low ^ (low >>> 15), 0x85ebca6b) + Math.imul(high ^ (high >>> 13), 0xc2b2ae35);
    at = (at ^ (at >>> 16)) >>> 0;
    for (;;) {
      at &= mask;
      if (this.high[at] === 0 || (this.low[at] === low && this.high[at] === high)) return at;
      at += 1;
    }
  }

  private grow(): void {
    const { low, high } = this;
    this.low = new Uint32Array(low.length * 2);
    this.high = new Uint32Array(low.length * 2);
    for (let from = 0; from < low.length; from++) {
      if (high[from] === 0) continue;
      const at = this.find(low[from] ?? 0, high[from] ?? 0);
      this.low[at] = low[from] ?? 0;
      this.high[at] = high[from] ?? 0;
    }
  }
}

/** FNV-1a over the UTF-16 units, ended by its length. */
export function hashText(text: string, seed = 0x811c9dc5): number {
  let hash = seed;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ text.length, 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}
