import type { Config } from '../config/index.ts';
import type { CardinalityAction, LabelFault, LabelGuard } from '../receive/index.ts';
import { cardinalityLimited } from './events.ts';
import { HashSet32, HashSet64, hashText } from './hash-set.ts';

type Pairs = Parameters<LabelGuard['stream']>[1];
export type CardinalityLimits = Config['limits'];
export type CardinalityRule =
  | 'series_active_max'
  | 'streams_active_max'
  | 'label_names_max'
  | 'label_name_bytes_max'
  | 'label_value_bytes_max'
  | 'label_values_max';

/** A metric and label that went beyond a limit. */
export interface Offender {
  tenant: string;
  /** '' for streams of logs. */
  metric: string;
  label: string;
  rule: CardinalityRule;
  /** Series and streams refused or changed because of it, each counted at every attempt. */
  count: number;
  /** Clock time of the newest. */
  lastMs: number;
  /** A value that did not fit, cut. */
  example: string;
}

export interface TenantUse {
  tenant: string;
  series: number;
  streams: number;
}

export interface Cardinality extends LabelGuard {
  /** Most refusals first. */
  offenders(): Offender[];
  /** Series and streams of this hour. */
  use(): TenantUse[];
}

const hourMs = 3_600_000;
/** (metric, label) pairs whose values are counted; a set of few values takes 200 bytes, so some 13 MB. */
const trackedMax = 65_536;
const offendersMax = 200;
/** Labels that the counter at /metrics tells apart; the rest is `other`. */
const toldLabelsMax = 50;
const quotedCharsMax = 100;
/** Without them a series is another thing, or no thing at all: a series at fault through them is refused instead. */
const kept = new Set(['__name__', 'le', 'quantile', 'job', 'instance', 'service.name', 'service_name']);

interface TenantState {
  hour: number;
  series: HashSet64;
  streams: HashSet64;
  /** By metric, then by label. */
  values: Map<string, Map<string, HashSet32>>;
  tracked: number;
}

/** What is at fault, before it is known what happens. */
interface Found {
  rule: CardinalityRule;
  label: string;
  message: string;
  example: string;
}

/**
 * Counts series, streams and values of labels per tenant and hour, in sets that stop growing at their limits. A series
 * that is refused leaves no trace in them, so those that are known stay welcome.
 */
export function createCardinality(limits: CardinalityLimits): Cardinality {
  const tenants = new Map<string, TenantState>();
  const offenders = new Map<string, Offender>();
  const told = new Set<string>();

  const stateOf = (tenant: string, nowMs: number): TenantState => {
    const hour = Math.floor(nowMs / hourMs);
    let state = tenants.get(tenant);
    if (state === undefined || state.hour !== hour) {
      state = { hour, series: new HashSet64(), streams: new HashSet64(), values: new Map(), tracked: 0 };
      tenants.set(tenant, state);
    }
    return state;
  };
  const faultOf = (tenant: string, metric: string, found: Found, nowMs: number): LabelFault => {
    const key = `${tenant}\0${metric}\0${found.label}\0${found.rule}`;
    const known = offenders.get(key);
    if (known === undefined && offenders.size >= offendersMax) forgetOldest(offenders);
    offenders.set(key, {
      tenant,
      metric,
      label: found.label,
      rule: found.rule,
      count: (known?.count ?? 0) + 1,
      lastMs: nowMs,
      example: found.example.slice(0, quotedCharsMax),
    });
    if (told.size < toldLabelsMax) told.add(found.label);
    const label = told.has(found.label) ? found.label : 'other';
    cardinalityLimited.inc({ rule: found.rule, label });
    const { label: at, message } = found;
    return { action: actionFor(limits.cardinalityAction, at), label: at, message };
  };

  return {
    series(tenant, metric, low, high, labels, nowMs) {
      const state = stateOf(tenant, nowMs);
      const found =
        labelFault(limits, metric, labels) ??
        valuesFault(limits, state, metric, labels) ??
        countFault(state.series, low, high, 'series_active_max', limits.seriesActiveMax, metric);
      if (found !== undefined) return faultOf(tenant, metric, found, nowMs);
      state.series.add(low, high);
      noteValues(state, metric, labels);
      return undefined;
    },
    stream(tenant, labels, nowMs) {
      const state = stateOf(tenant, nowMs);
      const { low, high } = streamId(labels);
      if (state.streams.has(low, high)) return undefined;
      const found =
        labelFault(limits, '', labels) ??
        valuesFault(limits, state, '', labels) ??
        countFault(state.streams, low, high, 'streams_active_max', limits.streamsActiveMax, '');
      if (found !== undefined) return faultOf(tenant, '', found, nowMs);
      state.streams.add(low, high);
      noteValues(state, '', labels);
      return undefined;
    },
    offenders: () => [...offenders.values()].toSorted((a, b) => b.count - a.count),
    use: () =>
      [...tenants].map(([tenant, state]) => ({
        tenant,
        series: state.series.size,
        streams: state.streams.size,
      })),
  };
}

/** A fault that no single label has, or one of a label that must stay, can't be mended by dropping a label. */
const actionFor = (action: CardinalityAction, label: string): CardinalityAction =>
  action === 'drop_label' && (label === '' || kept.has(label)) ? 'dead_letter' : action;

const whose = (metric: string): string => (metric === '' ? 'the stream' : `the metric ${quoted(metric)}`);
const quoted = (text: string): string => JSON.stringify(text.slice(0, quotedCharsMax));

function labelFault(limits: CardinalityLimits, metric: string, labels: Pairs): Found | undefined {
  if (labels.length > limits.labelNamesMax) {
    const message = `${whose(metric)} has ${labels.length} labels; the limit is ${limits.labelNamesMax} (limits.label_names_max)`;
    return { rule: 'label_names_max', label: '', message, example: '' };
  }
  for (const [name, value] of labels) {
    // A character takes one to four bytes, so most labels need no counting.
    if (name.length * 3 > limits.labelNameBytesMax) {
      const bytes = Buffer.byteLength(name);
      if (bytes > limits.labelNameBytesMax) {
        const message = `${whose(metric)} has the label ${quoted(name)}, whose name has ${bytes} bytes; the limit is ${limits.labelNameBytesMax} (limits.label_name_bytes_max)`;
        return { rule: 'label_name_bytes_max', label: name, message, example: '' };
      }
    }
    if (value.length * 3 <= limits.labelValueBytesMax) continue;
    const bytes = Buffer.byteLength(value);
    if (bytes <= limits.labelValueBytesMax) continue;
    const message = `${whose(metric)} has the label ${quoted(name)}, whose value has ${bytes} bytes; the limit is ${limits.labelValueBytesMax} (limits.label_value_bytes_max)`;
    return { rule: 'label_value_bytes_max', label: name, message, example: value };
  }
  return undefined;
}

/** Hashes of the values of the series in question, in the order of its labels. */
const hashes: number[] = [];

function valuesFault(
  limits: CardinalityLimits,
  state: TenantState,
  metric: string,
  labels: Pairs,
): Found | undefined {
  const sets = state.values.get(metric);
  hashes.length = 0;
  for (const [name, value] of labels) {
    const hash = hashText(value);
    hashes.push(hash);
    const values = sets?.get(name);
    if (values === undefined || values.size < limits.labelValuesMax || values.has(hash)) continue;
    const message = `${whose(metric)} has more than ${limits.labelValuesMax} values of the label ${quoted(name)} in this hour (limits.label_values_max); ${quoted(value)} is one too many`;
    return { rule: 'label_values_max', label: name, message, example: value };
  }
  return undefined;
}

function countFault(
  set: HashSet64,
  low: number,
  high: number,
  rule: 'series_active_max' | 'streams_active_max',
  limit: number,
  metric: string,
): Found | undefined {
  if (set.size < limit || set.has(low, high)) return undefined;
  const what = rule === 'series_active_max' ? `series; one of ${whose(metric)} is one too many` : 'streams';
  const message = `the tenant has ${set.size} active ${what} in this hour; the limit is limits.${rule} (${limit})`;
  return { rule, label: '', message, example: '' };
}

/** `hashes` are those of these labels. */
function noteValues(state: TenantState, metric: string, labels: Pairs): void {
  let sets = state.values.get(metric);
  if (sets === undefined) {
    if (state.tracked >= trackedMax) return;
    sets = new Map();
    state.values.set(metric, sets);
  }
  for (let at = 0; at < labels.length; at++) {
    const name = labels[at]?.[0] ?? '';
    let values = sets.get(name);
    if (values === undefined) {
      if (state.tracked >= trackedMax) continue;
      state.tracked += 1;
      values = new HashSet32();
      sets.set(name, values);
    }
    values.add(hashes[at] ?? 0);
  }
}

/** The order of the labels does not matter. */
function streamId(labels: Pairs): { low: number; high: number } {
  let low = 0;
  let high = 0;
  for (const [name, value] of labels) {
    const pair = hashText(value, hashText(name));
    low = (low + pair) | 0;
    high = (high + Math.imul(pair ^ (pair >>> 13), 0x5bd1e995) + hashText(value)) | 0;
  }
  return { low: low >>> 0, high: high >>> 0 };
}

function forgetOldest(offenders: Map<string, Offender>): void {
  let oldest: [string, Offender] | undefined;
  for (const entry of offenders)
    if (oldest === undefined || entry[1].lastMs < oldest[1].lastMs) oldest = entry;
  if (oldest !== undefined) offenders.delete(oldest[0]);
}
