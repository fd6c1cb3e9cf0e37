import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { ClewError } from '../../lib/index.ts';

interface Source {
  file: string;
  lines: LineCounter;
}

const unitMs: Record<string, number> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
};
const durationPattern = /^(?:\d+y)?(?:\d+w)?(?:\d+d)?(?:\d+h)?(?:\d+m(?!s))?(?:\d+s)?(?:\d+ms)?$/;

/** Prometheus' durations: `15s`, `1m30s`, `500ms`; undefined when it is none. */
export function durationMs(text: string): number | undefined {
  if (text === '0') return 0;
  if (text === '' || !durationPattern.test(text)) return undefined;
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|[smhdwy])/g))
    total += Number(count) * (unitMs[unit ?? ''] ?? 0);
  return total;
}

const unitBytes: Record<string, number> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** One value of a YAML file with its place, read strictly: every complaint names file, line and key. */
export class YamlField {
  readonly path: string;
  private readonly source: Source;
  private readonly node: Node | null;
  private readonly offset: number;

  constructor(source: Source, node: Node | null, path: string, offset: number) {
    this.source = source;
    this.node = node;
    this.path = path;
    this.offset = node?.range?.[0] ?? offset;
  }

  /** The whole file. Throws ClewError when it is not YAML. */
  static parse(file: string, text: string): YamlField {
    const lines = new LineCounter();
    const document = parseDocument(text, { lineCounter: lines, merge: true });
    const [error] = document.errors;
    const source = { file, lines };
    const [from] = error?.pos ?? [0];
    if (error) {
      const [first = 'it is not YAML'] = error.message.split(/ at line |\n/);
      throw new YamlField(source, null, '', from).error(first);
    }
    return new YamlField(source, document.contents, '', 0);
  }

  error(reason: string): ClewError {
    const { line } = this.source.lines.linePos(this.offset);
    return new ClewError(
      'bad_request',
      `${this.source.file}:${line}: ${this.path === '' ? '' : `${this.path}: `}${reason}`,
    );
  }

  get isEmpty(): boolean {
    return this.node === null || (isScalar(this.node) && this.node.value === null);
  }

  /** The entries of a mapping in order. */
  entries(): [string, YamlField][] {
    const { node } = this;
    if (this.isEmpty) return [];
    if (isAlias(node)) throw this.error('YAML aliases are not taken here; write the value out');
    if (!isMap(node)) throw this.error('must be a mapping');
    return node.items.map(({ key, value }) => {
      const name = isScalar(key) ? String(key.value) : '';
      const offset = (isScalar(key) ? key.range?.[0] : undefined) ?? this.offset;
      const path = this.path === '' ? name : `${this.path}.${name}`;
      const field = new YamlField(this.source, (value ?? null) as Node | null, path, offset);
      return [name, field];
    });
  }

  /** The entries of a mapping that may have these keys only; `refused` gives known keys that are not taken a reason. */
  fields(allowed: readonly string[], refused: Record<string, string> = {}): Map<string, YamlField> {
    const found = new Map<string, YamlField>();
    for (const [name, field] of this.entries()) {
      const reason = Object.hasOwn(refused, name) ? refused[name] : undefined;
      if (reason !== undefined) throw field.error(reason);
      if (!allowed.includes(name))
        throw field.error(`is not a known key; there are ${allowed.toSorted().join(', ')}`);
      found.set(name, field);
    }
    return found;
  }

  items(): YamlField[] {
    const { node } = this;
    if (this.isEmpty) return [];
    if (!isSeq(node)) throw this.error('must be a list');
    return node.items.map(
      (item, at) => new YamlField(this.source, item as Node, `${this.path}[${at}]`, this.offset),
    );
  }

  text(): string {
    const { node } = this;
    if (!isScalar(node) || node.value === null || typeof node.value === 'object')
      throw this.error('must be a text');
    // Prometheus reads numbers and booleans as they are written where a text is wanted.
    return typeof node.value === 'string' ? node.value : (node.source ?? String(node.value));
  }

  oneOf<T extends string>(values: readonly T[]): T {
    const text = this.text();
    const value = values.find((candidate) => candidate === text);
    if (value === undefined) throw this.error(`${JSON.stringify(text)} is not one of ${values.join(', ')}`);
    return value;
  }

  flag(): boolean {
    const value = isScalar(this.node) ? this.node.value : undefined;
    if (typeof value !== 'boolean') throw this.error('must be true or false');
    return value;
  }

  count(): number {
    const value = isScalar(this.node) ? this.node.value : undefined;
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
      throw this.error('must be a whole number, 0 or more');
    return value;
  }

  durationMs(): number {
    const text = this.text();
    const value = durationMs(text);
    if (value === undefined)
      throw this.error(`${JSON.stringify(text)} is not a duration; write 15s, 1m30s or 500ms`);
    return value;
  }

  bytes(): number {
    const text = this.text();
    const match = /^(\d+(?:\.\d+)?)(?:([KMGT])i?)?B?$/.exec(text);
    if (match === null) throw this.error(`${JSON.stringify(text)} is not a size; write 10MB or 512KB`);
    return Math.floor(Number(match[1]) * (unitBytes[match[2] ?? ''] ?? 1));
  }

  texts(): string[] {
    return this.items().map((item) => item.text());
  }
}
