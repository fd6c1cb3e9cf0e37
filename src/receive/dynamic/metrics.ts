import { RecordError } from '../json.ts';
import { type LabelGuard, withoutLabel } from '../label-guard.ts';
import type { Pair } from '../log-sink.ts';
import { maskedValue } from '../masked.ts';
import { cutAt, keyBytesMax } from '../otlp/attributes.ts';
import { type IdentityColumns, MetricTables } from '../otlp/metric-columns.ts';
import { unknownService } from '../otlp/resource.ts';
import { Hash64, SeenSeries } from '../otlp/series.ts';
import { notKept, Rejections, type Transcoded, type TranscodeLimits } from '../otlp/transcoder.ts';
import type { Values } from './record.ts';

/** One number of a record, with the series that it belongs to. */
interface Series {
  name: string;
  value: number;
  unit: string;
  labels: readonly Pair[];
  /** The halves of its id. */
  low: number;
  high: number;
  /** Its row is due. */
  isNew: boolean;
}

const flagNoRecordedValue = 1;
/** Each sample repeats its series' identity; a request of 32 MB holds some hundred thousand. */
const samplesMax = 1_000_000;

/**
 * Samples from records of tables: each number is a sample of a series named after the table (or by the record), with the
 * other columns as its attributes. A trace id would make a series of each request, so it becomes an exemplar.
 */
export class MetricSink {
  private readonly tables = new MetricTables();
  private readonly seen = new SeenSeries();
  private readonly id = new Hash64();
  private readonly rejections = new Rejections();
  private readonly limits: TranscodeLimits;
  private readonly guard: LabelGuard | undefined;
  private tenant = '';
  private nowMs = 0;
  private records = 0;

  constructor(limits: TranscodeLimits, guard?: LabelGuard) {
    this.limits = limits;
    this.guard = guard;
  }

  collect(tenant: string, nowMs: number, fill: () => void): Transcoded {
    this.tenant = tenant;
    this.nowMs = nowMs;
    this.records = 0;
    let whole = false;
    try {
      fill();
      const blocks = this.tables.takeBlocks();
      whole = true;
      return { blocks, records: this.records, ...this.rejections.take() };
    } finally {
      if (!whole) this.seen.clear();
      this.tables.reset();
      this.rejections.take();
    }
  }

  /** The last request could not be stored. */
  forget(): void {
    this.seen.clear();
  }

  reject(reason: string, payload: Uint8Array): void {
    this.rejections.add(reason, payload, 0, payload.length);
  }

  /** Throws RecordError; nothing of the record is written then. */
  record(values: Values, table: string): void {
    const { numbers, pairs } = values;
    if (numbers.length === 0) throw new RecordError('no column of a number has a value');
    const timeMs = this.timeOf(values.timeNs);
    if (this.tables.samples.Value.rows + numbers.length > samplesMax)
      throw new RecordError(`the request holds more than ${samplesMax} samples`);
    const named = new Set(numbers.map(({ column }) => column.name));
    const attributes = pairs
      .filter(([key]) => !named.has(key) && key !== '__name__')
      .map(([key, value]): Pair => {
        const shown = maskedValue(this.limits.refinery?.masker, key, value, this.tenant);
        return [key, this.cut(shown, this.limits.attributeBytesMax)];
      });
    const labels = [...new Map(attributes)].sort(([a], [b]) => (a < b ? -1 : 1));
    const base = values.role('metric') || pairs.find(([key]) => key === '__name__')?.[1] || table;
    const series: Series[] = [];
    try {
      for (const { column, value } of numbers) {
        const name = this.cut(column.name === 'value' ? base : `${base}.${column.name}`, keyBytesMax);
        series.push(
          this.open({ name, value, unit: column.unit, labels, low: 0, high: 0, isNew: false }, values),
        );
      }
    } catch (error) {
      for (const { isNew, low, high } of series) if (isNew) this.seen.remove(low, high);
      throw error;
    }
    for (const each of series) this.write(each, values, timeMs);
    this.records += 1;
  }

  /** Gives the series its id, and asks about one that is new; a label too many is left out or the record is refused. */
  private open(series: Series, values: Values): Series {
    const { id } = this;
    id.reset();
    const { name, labels } = series;
    for (const part of [this.tenant, 'table', name, values.role('service'), values.role('host')])
      id.text(part);
    for (const part of labels.flat()) id.text(part);
    id.finish();
    const { low, high } = id;
    const isNew = this.seen.isNew(low, high, this.nowMs);
    const fault = isNew ? this.guard?.series(this.tenant, name, low, high, labels, this.nowMs) : undefined;
    if (fault === undefined) return { ...series, low, high, isNew };
    this.seen.remove(low, high);
    const rest = withoutLabel(labels, fault.label);
    if (fault.action !== 'drop_label' || rest.length === labels.length)
      throw new RecordError(fault.message, fault.action === 'reject' ? notKept : undefined);
    return this.open({ ...series, labels: rest }, values);
  }

  private write(series: Series, values: Values, timeMs: number): void {
    const { samples } = this.tables;
    const service = values.role('service') || unknownService;
    if (series.isNew) this.seriesRow(series, service, values.role('host'));
    this.identity(samples, series, service);
    samples.Timestamp.whole(timeMs);
    samples.StartTimestamp.whole(0);
    samples.Value.float64(series.value);
    samples.Flags.uint8(Number.isNaN(series.value) ? flagNoRecordedValue : 0);
    this.exemplar(series, service, values, timeMs);
  }

  private timeOf(ns: bigint): number {
    if (ns === 0n) return Math.floor(this.nowMs);
    const ms = Number(ns / 1_000_000n);
    if (ms <= this.nowMs + this.limits.clockSkewS * 1_000) return ms;
    throw new RecordError(
      `its time lies more than ${this.limits.clockSkewS} s in the future (ingest.clock_skew_s)`,
    );
  }

  private seriesRow(found: Series, service: string, host: string): void {
    const { series } = this.tables;
    this.identity(series, found, service);
    series.MetricType.text('gauge');
    series.Unit.text(found.unit);
    series.Description.text('');
    series.Temporality.text('');
    series.IsMonotonic.uint8(0);
    series.ScopeName.text('');
    series.ScopeVersion.text('');
    series.LastSeen.whole(Math.floor(this.nowMs));
    if (service !== unknownService) series.ResourceAttributes.pair('service.name', service);
    if (host !== '') series.ResourceAttributes.pair('host.name', host);
    series.ResourceAttributes.endRow();
    for (const [key, value] of found.labels) series.Attributes.pair(key, value);
    series.Attributes.endRow();
  }

  private identity(columns: IdentityColumns, { low, high, name }: Series, service: string): void {
    columns.Tenant.text(this.tenant);
    columns.SeriesId.uint64(low, high);
    columns.MetricName.text(name);
    columns.ServiceName.text(service);
  }

  private exemplar(series: Series, service: string, values: Values, timeMs: number): void {
    const traceId = values.role('trace').toLowerCase();
    if (!/^[0-9a-f]{32}$/.test(traceId) || /^0+$/.test(traceId)) return;
    const spanId = values.role('span').toLowerCase();
    const { exemplars } = this.tables;
    this.identity(exemplars, series, service);
    const ns = values.timeNs === 0n ? BigInt(timeMs) * 1_000_000n : values.timeNs;
    exemplars.Timestamp.uint64(Number(ns & 0xffff_ffffn), Number(ns >> 32n));
    exemplars.Value.float64(series.value);
    exemplars.TraceId.text(traceId);
    exemplars.SpanId.text(/^[0-9a-f]{16}$/.test(spanId) ? spanId : '');
    exemplars.FilteredAttributes.endRow();
  }

  private cut(text: string, bytesMax: number): string {
    if (text.length * 3 <= bytesMax) return text;
    const bytes = Buffer.from(text);
    return bytes.length <= bytesMax ? text : bytes.subarray(0, cutAt(bytes, 0, bytesMax)).toString('utf8');
  }
}
