import { z } from 'zod';
import { type CatalogText, parseYamlFile, readCatalogFolder } from '../catalog-file.ts';
import { patternProblem } from '../masking/pattern-safety.ts';
import { jsonFields, logfmtFields } from './parse.ts';
import { type TimeReader, timeFormatProblem, timeReader, zoneProblem } from './time.ts';

/** What a line of a known format holds. */
export interface FormatReading {
  format: string;
  fields: Map<string, string>;
  timeNs: bigint | undefined;
  severity: string;
}

const name = z.string().regex(/^[a-z][a-z0-9_]{0,59}$/, 'must be lower-case letters, digits and _');
const formatSchema = z.strictObject({
  name,
  /** Which of the ten kinds of log it is. */
  kind: z.enum([
    'application',
    'http_access',
    'dns_query',
    'tls_handshake',
    'call',
    'flow',
    'packet',
    'tcp_connection',
    'smtp',
    'vpn',
  ]),
  about: z.string().min(1).max(500),
  /** Among the formats that fit, the lowest counts. */
  order: z.number().int().min(0).max(1_000).default(500),
  /** Cheap tests before any pattern: the line begins with one of `first`, holds all of `all` and one of `any`. */
  detect: z
    .strictObject({
      first: z.array(z.string().min(1)).max(20).default([]),
      all: z.array(z.string().min(1)).max(20).default([]),
      any: z.array(z.string().min(1)).max(40).default([]),
    })
    .prefault({}),
  parser: z.enum(['patterns', 'json', 'logfmt']).default('patterns'),
  patterns: z.array(z.string().min(1).max(4_000)).max(40).default([]),
  /** Field ← group of the pattern, or name in the JSON object. */
  fields: z.record(z.string(), z.string()).default({}),
  /** Fields to be read as numbers; one that is none is left out. */
  integers: z.array(z.string()).max(40).default([]),
  /** Constants. */
  set: z.record(z.string(), z.string()).default({}),
  time: z
    .strictObject({
      field: z.string(),
      formats: z.array(z.string()).min(1).max(10),
      zone: z.string().default('UTC'),
    })
    .optional(),
  severity: z
    .strictObject({
      field: z.string(),
      /** Value, or for numbers the first one of a range (`500`), to severity; what is not named stays as it is written. */
      map: z.record(z.string(), z.string()).default({}),
      from: z.record(z.string(), z.string()).default({}),
      keep: z.boolean().default(false),
    })
    .optional(),
  samples: z
    .array(
      z.strictObject({
        line: z.string(),
        time: z.string().optional(),
        severity: z.string().optional(),
        fields: z.record(z.string(), z.string()),
      }),
    )
    .min(1)
    .max(100),
});
export type FormatConfig = z.output<typeof formatSchema>;

interface Format {
  config: FormatConfig;
  patterns: readonly RegExp[];
  times: readonly TimeReader[];
}

export function parseFormat(file: CatalogText): FormatConfig {
  const { value, wrong } = parseYamlFile(file, formatSchema);
  for (const [index, pattern] of value.patterns.entries()) {
    const problem = patternProblem(pattern);
    if (problem !== null) throw wrong(['patterns', index], problem);
  }
  if (value.parser === 'patterns' && value.patterns.length === 0) throw wrong(['patterns'], 'is missing');
  for (const [index, format] of (value.time?.formats ?? []).entries()) {
    const problem = timeFormatProblem(format);
    if (problem !== null) throw wrong(['time', 'formats', index], problem);
  }
  const zone = zoneProblem(value.time?.zone ?? 'UTC');
  if (zone !== null) throw wrong(['time', 'zone'], zone);
  return value;
}

/** `<dir>/formats/*.yaml` of every directory; a later format takes the place of an earlier one of the same name. */
export async function loadFormats(catalogDirs: readonly string[]): Promise<Formats> {
  const files = await readCatalogFolder(catalogDirs, 'formats');
  return new Formats(files.map(parseFormat));
}

/** The catalogue of formats that lines of well-known programs have. */
export class Formats {
  private readonly formats = new Map<string, Format>();
  private readonly ordered: readonly Format[];

  constructor(configs: readonly FormatConfig[]) {
    for (const config of configs) {
      const { time, patterns } = config;
      this.formats.set(config.name, {
        config,
        patterns: patterns.map((source) => new RegExp(source)),
        times: time === undefined ? [] : time.formats.map((format) => timeReader(format, time.zone)),
      });
    }
    this.ordered = [...this.formats.values()].sort((a, b) => a.config.order - b.config.order);
  }

  get list(): FormatConfig[] {
    return this.ordered.map(({ config }) => config);
  }

  get names(): string[] {
    return this.list.map((config) => config.name);
  }

  /** Reads a line as a format, or with `auto` as the first that fits; null when none does. */
  read(format: string, line: string, nowMs: number): FormatReading | null {
    if (format !== 'auto') {
      const known = this.formats.get(format);
      return known === undefined ? null : readAs(known, line, nowMs);
    }
    for (const candidate of this.ordered) {
      if (!looksLike(candidate.config.detect, line)) continue;
      const found = readAs(candidate, line, nowMs);
      if (found !== null) return found;
    }
    return null;
  }
}

const looksLike = ({ first, all, any }: FormatConfig['detect'], line: string): boolean =>
  (first.length === 0 || first.some((text) => line.startsWith(text))) &&
  all.every((text) => line.includes(text)) &&
  (any.length === 0 || any.some((text) => line.includes(text)));

function readAs(format: Format, line: string, nowMs: number): FormatReading | null {
  const { config } = format;
  const raw = rawFields(format, line);
  if (raw === null) return null;
  const fields = new Map<string, string>();
  for (const [name, value] of raw) {
    if (value === '' || value === '-') continue;
    fields.set(config.fields[name] ?? name, value);
  }
  for (const name of config.integers) {
    const value = fields.get(name);
    if (value !== undefined && !/^-?\d{1,18}$/.test(value)) fields.delete(name);
  }
  for (const [name, value] of Object.entries(config.set)) fields.set(name, value);
  return {
    format: config.name,
    timeNs: timeOf(format, fields, nowMs),
    severity: severityOf(config, fields),
    fields,
  };
}

function rawFields({ config, patterns }: Format, line: string): Iterable<[string, string]> | null {
  if (config.parser !== 'patterns') {
    const fields = config.parser === 'json' ? jsonFields(line) : logfmtFields(line);
    return typeof fields === 'string' ? null : fields;
  }
  for (const pattern of patterns) {
    const groups = pattern.exec(line)?.groups;
    if (groups !== undefined) return Object.entries(groups).map(([name, value]) => [name, value ?? '']);
  }
  return null;
}

function timeOf({ config, times }: Format, fields: Map<string, string>, nowMs: number): bigint | undefined {
  if (config.time === undefined) return undefined;
  const text = fields.get(config.time.field);
  if (text === undefined) return undefined;
  for (const read of times) {
    const ns = read(text, nowMs);
    if (ns === undefined) continue;
    fields.delete(config.time.field);
    return ns;
  }
  return undefined;
}

function severityOf({ severity }: FormatConfig, fields: Map<string, string>): string {
  if (severity === undefined) return '';
  const value = fields.get(severity.field);
  if (value === undefined) return '';
  if (!severity.keep) fields.delete(severity.field);
  const mapped = severity.map[value];
  if (mapped !== undefined) return mapped;
  const steps = Object.entries(severity.from);
  if (steps.length === 0) return value;
  let found = '';
  for (const [step, name] of steps.sort(([a], [b]) => Number(a) - Number(b)))
    if (Number(value) >= Number(step)) found = name;
  return found;
}
