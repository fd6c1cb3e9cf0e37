import { RecordError } from '../json.ts';
import type { Pair } from '../log-sink.ts';
import { cutAt, keyBytesMax } from '../otlp/attributes.ts';
import { type IdentityColumns, MetricTables } from '../otlp/metric-columns.ts';
import { unknownService } from '../otlp/resource.ts';
import { Hash64, SeenSeries } from '../otlp/series.ts';
import { Rejections, type Transcoded, type TranscodeLimits } from '../otlp/transcoder.ts';
import type { Values } from './record.ts';

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
  private tenant = '';
  private nowMs = 0;
  private records = 0;

  constructor(limits: TranscodeLimits) {
    this.limits = limits;
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
    const service = values.role('service') || unknownService;
    const named = new Set(numbers.map(({ column }) => column.name));
    const attributes = pairs
      .filter(([key]) => !named.has(key) && key !== '__name__')
      .map(([key, value]): Pair => [key, this.cut(value, this.limits.attributeBytesMax)]);
    const labels = [...new Map(attributes)].sort(([a], [b]) => (a < b ? -1 : 1));
    const base = values.role('metric') || pairs.find(([key]) => key === '__name__')?.[1] || table;
    for (const { column, value } of numbers) {
      const name = this.cut(column.name === 'value' ? base : `${base}.${column.name}`, keyBytesMax);
      this.open(name, service, values, labels, column.unit);
      const { samples } = this.tables;
      this.identity(samples, name, service);
      samples.Timestamp.whole(timeMs);
      samples.StartTimestamp.whole(0);
      samples.Value.float64(value);
      samples.Flags.uint8(Number.isNaN(value) ? flagNoRecordedValue : 0);
      this.exemplar(name, service, values, timeMs, value);
    }
    this.records += 1;
  }

  private timeOf(ns: bigint): number {
    if (ns === 0n) return Math.floor(this.nowMs);
    const ms = Number(ns / 1_000_000n);
    if (ms <= this.nowMs + this.limits.clockSkewS * 1_000) return ms;
    throw new RecordError(
      `its time lies more than ${this.limits.clockSkewS} s in the future (ingest.clock_skew_s)`,
    );
  }

  private open(name: string, service: string, values: Values, attributes: Pair[], unit: string): void {
    const { id } = this;
    const host = values.role('host');
    id.reset();
    for (const part of [this.tenant, 'table', name, service, host, ...attributes.flat()]) id.text(part);
    id.finish();
    if (!this.seen.isNew(id.low, id.high, this.nowMs)) return;
    const { series } = this.tables;
    this.identity(series, name, service);
    series.MetricType.text('gauge');
    series.Unit.text(unit);
    series.Description.text('');
    series.Temporality.text('');
    series.IsMonotonic.uint8(0);
    series.ScopeName.text('');
    series.ScopeVersion.text('');
    series.LastSeen.whole(Math.floor(this.nowMs));
    if (service !== unknownService) series.ResourceAttributes.pair('service.name', service);
    if (host !== '') series.ResourceAttributes.pair('host.name', host);
    series.ResourceAttributes.endRow();
    for (const [key, value] of attributes) series.Attributes.pair(key, value);
    series.Attributes.endRow();
  }

  private identity(columns: IdentityColumns, name: string, service: string): void {
    columns.Tenant.text(this.tenant);
    columns.SeriesId.uint64(this.id.low, this.id.high);
    columns.MetricName.text(name);
    columns.ServiceName.text(service);
  }

  private exemplar(name: string, service: string, values: Values, timeMs: number, value: number): void {
    const traceId = values.role('trace').toLowerCase();
    if (!/^[0-9a-f]{32}$/.test(traceId) || /^0+$/.test(traceId)) return;
    const spanId = values.role('span').toLowerCase();
    const { exemplars } = this.tables;
    this.identity(exemplars, name, service);
    const ns = values.timeNs === 0n ? BigInt(timeMs) * 1_000_000n : values.timeNs;
    exemplars.Timestamp.uint64(Number(ns & 0xffff_ffffn), Number(ns >> 32n));
    exemplars.Value.float64(value);
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
