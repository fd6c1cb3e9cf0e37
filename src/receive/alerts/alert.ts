import { type Alert, severityOf } from '../../model/index.ts';
import { isoNanoseconds } from '../iso-time.ts';
import { type Fields, isRecord, RecordError, shown } from '../json.ts';
import { severityNumber } from '../severity.ts';
import { type Labels, serviceOfLabels } from './service.ts';

/** An alert with all that its sender told, as it is kept and shown again. */
export interface ReceivedAlert extends Alert {
  labels: Labels;
  annotations: Labels;
  generatorUrl: string;
  /** As the sender wrote it: `critical`, `page`, …; '' without. */
  severityLabel: string;
}

/** What senders leave out. */
export interface AlertDefaults {
  nowMs: number;
  /** How long an alert without an end fires without further news. */
  holdMs: number;
  /** Severity labels that open a case, in lower case. */
  openCases: readonly string[];
}

const labelsMax = 64;
const labelBytesMax = 16_384;
const labelName = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
/** Words for severity that loggers don't write, as those that they do. */
const words: Readonly<Record<string, string>> = {
  page: 'critical',
  high: 'error',
  major: 'error',
  medium: 'warn',
  moderate: 'warn',
  minor: 'warn',
  low: 'info',
  none: 'info',
  ok: 'info',
  p1: 'critical',
  p2: 'error',
  p3: 'warn',
  p4: 'info',
  p5: 'info',
};

/** Without a severity, or with a word that is none, an alert is a warning. */
export function severityWord(label: string): string {
  const lower = label.toLowerCase();
  const word = words[lower] ?? lower;
  return severityNumber(word) > 0 ? word : 'warn';
}

/** One alert of `POST /api/v2/alerts` or of a webhook. Throws RecordError, in the words of Alertmanager where it has some. */
export function readAlert(value: unknown, defaults: AlertDefaults): ReceivedAlert {
  if (!isRecord(value)) throw new RecordError(`it is ${shown(value)}, an alert is needed`);
  const labels = pairsOf(value, 'labels', true);
  if (Object.keys(labels).length === 0) throw new RecordError('at least one label pair required');
  const annotations = pairsOf(value, 'annotations', false);
  const { nowMs, holdMs, openCases } = defaults;
  const status = value.status;
  if (status !== undefined && status !== 'firing' && status !== 'resolved')
    throw new RecordError(`status is ${shown(status)}, "firing" or "resolved" is needed`);
  const ends = timeOf(value, 'endsAt');
  const starts = timeOf(value, 'startsAt') ?? Math.min(nowMs, ends ?? nowMs);
  if (ends !== undefined && ends < starts) throw new RecordError('start time must be before end time');
  const firing = status === undefined ? ends === undefined || ends > nowMs : status === 'firing';
  const severityLabel = labels.severity ?? '';
  const name = labels.alertname ?? '';
  return {
    fingerprint: fingerprintOf(labels),
    name,
    service: serviceOfLabels(labels) || name || 'alerts',
    severity: severityNameOf(severityLabel),
    firing,
    startsAt: Math.min(starts, nowMs),
    endsAt:
      ends !== undefined && ends > 0 && (!firing || ends > nowMs) ? ends : firing ? nowMs + holdMs : nowMs,
    summary: annotations.summary ?? annotations.description ?? annotations.message ?? '',
    opensCase: openCases.includes(severityLabel.toLowerCase()),
    labels,
    annotations,
    generatorUrl: typeof value.generatorURL === 'string' ? value.generatorURL : '',
    severityLabel,
  };
}

const severityNameOf = (label: string) => severityOf(severityNumber(severityWord(label)));

/** Empty values mean that there is no such label. */
function pairsOf(owner: Fields, key: string, isLabels: boolean): Record<string, string> {
  const value = owner[key];
  if (value === undefined || value === null) return {};
  if (!isRecord(value)) throw new RecordError(`${key} is ${shown(value)}, an object is needed`);
  const entries = Object.entries(value);
  if (entries.length > labelsMax)
    throw new RecordError(`${key} has ${entries.length} entries, the limit is ${labelsMax}`);
  const pairs: [string, string][] = [];
  for (const [name, text] of entries) {
    const where = `${key}.${name.slice(0, 60)}`;
    if (typeof text !== 'string') throw new RecordError(`${where} is ${shown(text)}, a string is needed`);
    if (isLabels && !labelName.test(name))
      throw new RecordError(`invalid label set: invalid name ${shown(name)}`);
    if (text.length > labelBytesMax)
      throw new RecordError(`${where} has ${text.length} characters, the limit is ${labelBytesMax}`);
    if (text !== '' || !isLabels) pairs.push([name, text]);
  }
  return Object.fromEntries(pairs);
}

/** Go's zero time is no time. */
function timeOf(owner: Fields, key: string): number | undefined {
  const value = owner[key];
  if (value === undefined || value === null || value === '') return undefined;
  const ns = typeof value === 'string' ? isoNanoseconds(value) : undefined;
  if (ns === undefined) throw new RecordError(`${key} is ${shown(value)}, an RFC 3339 time is needed`);
  return ns <= 0n ? undefined : Number(ns / 1_000_000n);
}

const prime = 0x100000001b3n;
const offset = 0xcbf29ce484222325n;
const mask = 0xffff_ffff_ffff_ffffn;

/** FNV-1a over the labels in order of their names: the number that Prometheus and Alertmanager show. */
export function fingerprintOf(labels: Labels): string {
  let hash = offset;
  const add = (bytes: Uint8Array) => {
    for (const byte of bytes) hash = ((hash ^ BigInt(byte)) * prime) & mask;
  };
  const end = Uint8Array.of(0xff);
  for (const name of Object.keys(labels).sort()) {
    add(Buffer.from(name));
    add(end);
    add(Buffer.from(labels[name] ?? ''));
    add(end);
  }
  return hash.toString(16).padStart(16, '0');
}
