/** Attribute keys that name secrets. The last part counts, after the last dot, lower-case, with `-` read as `_`. */
export class SecretKeys {
  private readonly exact = new Set<string>();
  private readonly endings: string[] = [];
  private readonly kept: ReadonlySet<string>;
  /** A key that names a secret ends in two bytes that are in here. */
  private readonly lastPair = new Uint8Array(65_536);

  constructor(keys: readonly string[], kept: readonly string[]) {
    this.kept = new Set(kept);
    for (const key of keys) {
      if (key.startsWith('*')) this.endings.push(key.slice(1));
      else this.exact.add(key);
      this.lastPair[pairOf(key.charCodeAt(key.length - 2), key.charCodeAt(key.length - 1))] = 1;
    }
  }

  suspects(bytes: Uint8Array, start: number, end: number): boolean {
    return end - start >= 2 && this.lastPair[pairOf(bytes[end - 2] ?? 0, bytes[end - 1] ?? 0)] === 1;
  }

  has(key: string): boolean {
    const name = key
      .slice(key.lastIndexOf('.') + 1)
      .toLowerCase()
      .replaceAll('-', '_');
    if (this.kept.has(name)) return false;
    return this.exact.has(name) || this.endings.some((ending) => name.endsWith(ending));
  }
}

const pairOf = (first: number, second: number): number => ((first | 0x20) << 8) | (second | 0x20);
