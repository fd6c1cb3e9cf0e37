import { createdKey, createdTimes } from './created.ts';
import { Exposition, ExpositionError, type Format } from './exposition.ts';
import { hashOfLabels, keyOfLabels, type Labels } from './labels.ts';
import { relabel } from './relabel.ts';
import type { Target } from './target.ts';
import { type Exemplar, encodeLabels, type WriteRequest } from './write-request.ts';

/** What the series of all targets may take together, bytes. */
export interface SeriesBudget {
  used: number;
  readonly max: number;
}

/** What one scrape brought. */
export interface ScrapeCounts {
  scraped: number;
  afterRelabeling: number;
  seriesAdded: number;
  /** Served twice, or with a time that was stored before. */
  skipped: number;
}

/** `new` until a scrape with it was taken; `idle` after its end was written. */
type State = 'new' | 'live' | 'idle';

interface Series {
  /** Undefined when the rules drop it. */
  labels: Uint8Array | undefined;
  hash: number;
  state: State;
  /** Number of the last scrape that had it. */
  scrape: number;
  /** Time of the last sample, milliseconds. */
  at: number;
  /** Whether its end is noticed: not when the target gives times of its own. */
  tracked: boolean;
  created: string;
  /** The last exemplar: targets serve one until there is a newer. */
  exemplar: string;
  cost: number;
}

/** Objects, map entries and buffer headers of one series, beside its texts; measured. */
const seriesOverheadBytes = 1_040;
/** Families whose metadata is remembered as sent, a target. */
const familiesMax = 10_000;
const nameCharsMax = 1_024;

class LimitError extends Error {}

/** The series of one target: from the text of the exposition to labels, and which of them are alive. */
export class TargetSeries {
  private readonly byText = new Map<string, Series>();
  private readonly byHash = new Map<number, Series>();
  /** A number for what was told of each family. */
  private readonly families = new Map<string, number>();
  private readonly budget: SeriesBudget;
  private target: Target;
  private externalLabels: Labels;
  private scrape = 0;
  private rebound = false;
  /** Between the start of an append and its commit. */
  private open = false;
  private format: Format = 'text';

  constructor(target: Target, externalLabels: Labels, budget: SeriesBudget) {
    this.target = target;
    this.externalLabels = externalLabels;
    this.budget = budget;
  }

  /** The rules have changed: labels are made anew, what was alive is known by its labels. */
  rebind(target: Target, externalLabels: Labels): void {
    this.target = target;
    this.externalLabels = externalLabels;
    for (const series of this.byText.values()) if (series.labels === undefined) this.release(series);
    this.byText.clear();
    this.rebound = true;
  }

  /** The samples of one scrape into `out`, and the end of series that it has not. Throws when it can't be taken as a whole. */
  append(body: Buffer, format: Format, at: number, out: WriteRequest, counts: ScrapeCounts): void {
    this.scrape += 1;
    this.open = true;
    this.format = format;
    const exposition = new Exposition(body, format);
    const created = createdTimes(body, format);
    const family = { name: '', type: 0, help: '', unit: '' };
    for (let entry = exposition.next(); entry !== 'end'; entry = exposition.next()) {
      if (entry === 'sample') {
        if (family.name !== '') this.tell(family, out);
        family.name = '';
        this.sample(exposition, at, created, out, counts);
        continue;
      }
      if (family.name !== exposition.family) {
        if (family.name !== '') this.tell(family, out);
        Object.assign(family, { name: exposition.family, type: 0, help: '', unit: '' });
      }
      if (entry === 'type') family.type = exposition.familyType;
      else family[entry] = exposition.text;
    }
    this.commit(at, out);
  }

  /** A scrape failed or the target is gone: all its series end. */
  fail(at: number, out: WriteRequest): void {
    const known = new Set([...this.byText.values(), ...this.byHash.values()]);
    for (const series of known) {
      if (series.state === 'new' && series.labels !== undefined) this.byHash.delete(series.hash);
      if (series.state === 'new') this.release(series);
      if (series.state === 'live') this.end(series, at, out);
      // What the failed scrape had is not stored and may come again with the same time.
      if (this.open && series.scrape === this.scrape) series.at = 0;
    }
    for (const [text, series] of this.byText) if (series.state === 'new') this.byText.delete(text);
    this.open = false;
  }

  /** Gives its memory back. */
  close(): void {
    for (const series of new Set([...this.byText.values(), ...this.byHash.values()])) this.release(series);
    this.byText.clear();
    this.byHash.clear();
  }

  private end(series: Series, at: number, out: WriteRequest): void {
    if (series.tracked && series.labels !== undefined) out.stale(series.labels, at);
    series.state = 'idle';
  }

  private tell(family: { name: string; type: number; help: string; unit: string }, out: WriteRequest): void {
    const { name, type, help, unit } = family;
    const told = hashOfLabels(
      new Map([
        ['type', String(type)],
        ['help', help],
        ['unit', unit],
      ]),
    );
    const known = this.families.get(name);
    if (known === told || name.length > nameCharsMax) return;
    if (known === undefined && this.families.size >= familiesMax) return;
    this.families.set(name, told);
    out.family(name, type, help, unit);
  }

  private sample(
    exposition: Exposition,
    at: number,
    created: Map<string, number>,
    out: WriteRequest,
    counts: ScrapeCounts,
  ): void {
    const { job } = this.target;
    counts.scraped += 1;
    const text = exposition.bytes.toString('latin1', exposition.seriesStart, exposition.seriesEnd);
    const series = this.byText.get(text) ?? this.meet(text, exposition, counts);
    if (series.labels === undefined) {
      series.scrape = this.scrape;
      return;
    }
    const ownTime = job.honorTimestamps && !Number.isNaN(exposition.timestamp);
    const time = ownTime ? exposition.timestamp : at;
    const isRepeated = series.scrape === this.scrape && time <= series.at;
    series.scrape = this.scrape;
    if (isRepeated || time <= 0 || (ownTime && time <= series.at)) {
      counts.skipped += 1;
      return;
    }
    counts.afterRelabeling += 1;
    const { samples } = job.limits;
    if (samples > 0 && counts.afterRelabeling > samples)
      throw new LimitError(`it has more than ${samples} samples (sample_limit)`);
    series.at = time;
    series.tracked = !ownTime || job.trackTimestampsStaleness;
    const began = created.size === 0 ? 0 : (created.get(series.created) ?? 0);
    const exemplar = exposition.hasExemplar ? newExemplar(exposition, series, time) : undefined;
    out.sample(series.labels, exposition.value, time, began, exemplar);
  }

  /** A series that this text has not named before. */
  private meet(text: string, exposition: Exposition, counts: ScrapeCounts): Series {
    const own = labelsOf(exposition);
    if (own === undefined)
      throw new ExpositionError(exposition.sampleLine, `a label of ${text.slice(0, 100)} stands twice`);
    const labels = this.relabelled(own);
    const hash = labels === undefined ? 0 : hashOfLabels(labels);
    const known = labels === undefined ? undefined : this.byHash.get(hash);
    if (known !== undefined) {
      this.byText.set(text, known);
      return known;
    }
    const encoded = labels === undefined ? undefined : encodeLabels(labels);
    const cost = seriesOverheadBytes + text.length + (encoded?.length ?? 0);
    if (this.budget.used + cost > this.budget.max)
      throw new LimitError(
        `the series of all targets take more than ${this.budget.max} bytes (scrape.series_bytes_max)`,
      );
    this.budget.used += cost;
    const createdName = this.format === 'openmetrics' ? createdKey(own) : '';
    const series: Series = {
      labels: encoded,
      hash,
      state: 'new',
      scrape: 0,
      at: 0,
      tracked: true,
      created: createdName,
      exemplar: '',
      cost,
    };
    this.byText.set(text, series);
    if (encoded !== undefined) {
      this.byHash.set(hash, series);
      counts.seriesAdded += 1;
    }
    return series;
  }

  /** The labels to store; undefined when the rules drop the series. */
  private relabelled(own: Labels): Labels | undefined {
    const { job, labels: targetLabels } = this.target;
    const labels = joined(own, targetLabels, job.honorLabels);
    if (!relabel(labels, job.metricRelabelRules)) return undefined;
    for (const [name, value] of labels) if (value === '') labels.delete(name);
    if (labels.size === 0) return undefined;
    const name = labels.get('__name__');
    if (name === undefined) throw new LimitError('metric_relabel_configs leave a series without __name__');
    this.checkLimits(name, labels);
    for (const [key, value] of this.externalLabels) if (!labels.has(key)) labels.set(key, value);
    return labels;
  }

  private checkLimits(metric: string, labels: Labels): void {
    const { limits } = this.target.job;
    const who = metric.slice(0, 100);
    if (limits.labels > 0 && labels.size > limits.labels)
      throw new LimitError(`${who} has ${labels.size} labels, more than ${limits.labels} (label_limit)`);
    for (const [name, value] of limits.labelNameLength + limits.labelValueLength > 0 ? labels : []) {
      const nameBytes = Buffer.byteLength(name);
      if (limits.labelNameLength > 0 && nameBytes > limits.labelNameLength)
        throw new LimitError(
          `the label name ${name.slice(0, 50)} of ${who} has ${nameBytes} bytes, more than ${limits.labelNameLength} (label_name_length_limit)`,
        );
      const valueBytes = Buffer.byteLength(value);
      if (limits.labelValueLength > 0 && valueBytes > limits.labelValueLength)
        throw new LimitError(
          `the value of the label ${name.slice(0, 50)} of ${who} has ${valueBytes} bytes, more than ${limits.labelValueLength} (label_value_length_limit)`,
        );
    }
  }

  /** The scrape is taken: what it had is alive, what it had not has ended. */
  private commit(at: number, out: WriteRequest): void {
    this.open = false;
    for (const [text, series] of this.byText) {
      if (series.scrape === this.scrape) series.state = 'live';
      else {
        this.byText.delete(text);
        this.forget(series, at, out);
      }
    }
    if (!this.rebound) return;
    this.rebound = false;
    for (const series of this.byHash.values())
      if (series.scrape !== this.scrape) this.forget(series, at, out);
  }

  private forget(series: Series, at: number, out: WriteRequest): void {
    if (series.state === 'live') this.end(series, at, out);
    this.byHash.delete(series.hash);
    this.release(series);
  }

  private release(series: Series): void {
    this.budget.used -= series.cost;
    series.cost = 0;
  }
}

/** Undefined when a label stands twice. */
function labelsOf(exposition: Exposition): Labels | undefined {
  const { labels: ranges, bytes } = exposition;
  const labels: Labels = new Map([['__name__', exposition.name()]]);
  for (let at = 0; at < ranges.count; at++) labels.set(ranges.name(bytes, at), ranges.value(bytes, at));
  return labels.size === ranges.count + 1 ? labels : undefined;
}

/** Labels of a sample beside those of its target, which win unless honor_labels is set. */
function joined(own: Labels, target: Labels, honorLabels: boolean): Labels {
  const labels: Labels = new Map(own);
  for (const [name, value] of target) {
    const mine = own.get(name);
    if (honorLabels && mine !== undefined) continue;
    if (!honorLabels && mine !== undefined && mine !== '') {
      let moved = `exported_${name}`;
      while (own.has(moved) || target.has(moved)) moved = `exported_${moved}`;
      labels.set(moved, mine);
    }
    labels.set(name, value);
  }
  return labels;
}

/** Undefined when it was stored before. One without a time of its own gets the sample's. */
function newExemplar(exposition: Exposition, series: Series, time: number): Exemplar | undefined {
  const { exemplarLabels: ranges, bytes, exemplarTimestamp: own, exemplarValue: value } = exposition;
  const labels: Labels = new Map();
  for (let at = 0; at < ranges.count; at++) labels.set(ranges.name(bytes, at), ranges.value(bytes, at));
  const text = `${value} ${own} ${keyOfLabels(labels)}`;
  if (text === series.exemplar) return undefined;
  series.exemplar = text;
  return { labels, value, timestamp: own > 0 ? own : time };
}
