import { readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { gunzipSync } from 'node:zlib';
import {
  BundleWriter,
  type ForeignKind,
  foreignKinds,
  importFile,
  importPrometheus,
  windowOf,
} from '../diagnose/import/index.ts';
import { ClewError } from '../lib/index.ts';
import type { EpochMs, TimeWindow } from '../model/index.ts';
import { spanMs } from './arguments.ts';
import { type LiveSource, liveBundle } from './bundle-live.ts';

export const bundleUsage = `  clew bundle --out DIR [--at TIME] [--before 1h] [--after 10m] [--service NAME] [--url URL] [--token T]
                                                     what a running Clew knows about an incident, as files for clew diagnose
  clew bundle import FILE … --out DIR [--at TIME] [--kind ${foreignKinds.join('|')}] [--baseline FROM,TO] [--window FROM,TO]
                    [--prometheus URL --match SELECTOR] [--service NAME --metric NAME]
                                                     the same from sadf -j, atop -P, Jaeger, OTLP as JSON, CSV, a Prometheus`;

/** Larger exports are no incident's. */
const fileBytesMax = 536_870_912;
const filesMax = 1_000;

export interface BundleOptions {
  live: LiveSource;
  nowMs: EpochMs;
  write: (text: string) => void;
}

type Flags = Readonly<Record<string, string>>;
const known = 'out at before after service metric url token kind baseline window prometheus match'.split(' ');

/** Answers the exit code. */
export async function bundle(
  words: readonly string[],
  flags: Flags,
  options: BundleOptions,
): Promise<number> {
  if (words[0] === 'help') {
    options.write(`${bundleUsage}\n`);
    return 0;
  }
  for (const name of Object.keys(flags))
    if (!known.includes(name))
      throw new ClewError('bad_request', `There is no flag --${name}.\n\n${bundleUsage}`);
  const [action, ...files] = words;
  const out = flags.out;
  if (out === undefined || out === 'true')
    throw new ClewError('bad_request', `--out DIR says where the bundle is written.\n\n${bundleUsage}`);
  const at = timeOf(flags.at);
  if (action === 'import') return imported(files, flags, out, at, options);
  if (action !== undefined)
    throw new ClewError('bad_request', `"${action}" is not known to clew bundle.\n\n${bundleUsage}`);
  const incidentAt = at ?? options.nowMs;
  const span = {
    from: incidentAt - spanOf(flags.before ?? '1h'),
    to: incidentAt + spanOf(flags.after ?? '10m'),
  };
  const writer = new BundleWriter(out);
  await liveBundle(options.live, span, writer);
  return finish(writer, out, flags, { source: `clew ${options.live.url}`, incidentAt }, options);
}

async function imported(
  files: readonly string[],
  flags: Flags,
  out: string,
  at: EpochMs | undefined,
  options: BundleOptions,
): Promise<number> {
  if (files.length === 0 && flags.prometheus === undefined)
    throw new ClewError('bad_request', `Name files to import, or --prometheus.\n\n${bundleUsage}`);
  if (files.length > filesMax) throw new ClewError('too_large', `More than ${filesMax} files; name fewer.`);
  const kind = kindOf(flags.kind);
  const texts = files.map((path) => ({ name: basename(path), text: textOf(path) }));
  const writer = new BundleWriter(out);
  for (const file of texts) {
    const made = kind === undefined ? importFile(file, writer) : importFile(file, writer, kind);
    options.write(`${file.name}: ${made}\n`);
  }
  if (flags.prometheus !== undefined) {
    const match = flags.match;
    if (match === undefined || flags.window === undefined)
      throw new ClewError('bad_request', '--prometheus needs --match SELECTOR and --window FROM,TO.');
    const token = flags.token === undefined ? {} : { token: flags.token };
    const window = around(windowOf(flags.window, '--window'), flags);
    const series = await importPrometheus({ url: flags.prometheus, window, match, ...token }, writer);
    options.write(`${flags.prometheus}: ${series} series\n`);
  }
  if (!Number.isFinite(writer.newest))
    throw new ClewError('unprocessable', 'Nothing was read: no row of these files has a time and a value.');
  const source = [...files.map((path) => basename(path)), ...(flags.prometheus ? [flags.prometheus] : [])];
  return finish(writer, out, flags, { source: source.join(', '), incidentAt: at ?? writer.newest }, options);
}

/** The window that is read holds the baseline, too. */
function around(window: TimeWindow, flags: Flags): TimeWindow {
  if (flags.baseline === undefined) return window;
  const baseline = windowOf(flags.baseline, '--baseline');
  return { from: Math.min(window.from, baseline.from), to: Math.max(window.to, baseline.to) };
}

async function finish(
  writer: BundleWriter,
  out: string,
  flags: Flags,
  meta: { source: string; incidentAt: EpochMs },
  options: BundleOptions,
): Promise<number> {
  const written = await writer.end({
    ...meta,
    ...(flags.service === undefined
      ? {}
      : { symptom: { service: flags.service, metric: flags.metric ?? 'latency' } }),
    ...(flags.baseline === undefined ? {} : { baseline: windowOf(flags.baseline, '--baseline') }),
    ...(flags.window === undefined ? {} : { window: windowOf(flags.window, '--window') }),
  });
  const { metrics, spans, logs, calls, events } = written;
  options.write(
    `${out}: ${metrics} metric values, ${spans} spans, ${logs} log records, ${calls} call figures, ${events} events\n`,
  );
  return 0;
}

function textOf(path: string): string {
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw new ClewError('not_found', `There is no file ${path}.`);
  if (size > fileBytesMax)
    throw new ClewError('too_large', `${path} has ${size} bytes; files up to ${fileBytesMax} are read.`);
  const bytes = readFileSync(path);
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes.toString('utf8');
  try {
    return gunzipSync(bytes, { maxOutputLength: fileBytesMax }).toString('utf8');
  } catch (error) {
    throw new ClewError(
      'unprocessable',
      `${path}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function kindOf(given: string | undefined): ForeignKind | undefined {
  if (given === undefined) return undefined;
  const kind = foreignKinds.find((one) => one === given);
  if (kind === undefined)
    throw new ClewError('bad_request', `--kind: "${given}" is not one of ${foreignKinds.join(', ')}.`);
  return kind;
}

function timeOf(given: string | undefined): EpochMs | undefined {
  if (given === undefined) return undefined;
  const at = /^\d+$/.test(given) ? Number(given) : Date.parse(given);
  if (!Number.isFinite(at)) throw new ClewError('bad_request', `--at: "${given}" is not a time (ISO 8601).`);
  return at;
}

function spanOf(given: string): number {
  const span = spanMs(given);
  if (span === null) throw new ClewError('bad_request', `"${given}" is not a span such as 30m or 2h.`);
  return span;
}
