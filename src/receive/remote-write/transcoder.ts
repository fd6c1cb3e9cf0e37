import { ClewError } from '../../lib/index.ts';
import type { CardinalityAction, LabelFault, LabelGuard } from '../label-guard.ts';
import { type IdentityColumns, MetricTables } from '../otlp/metric-columns.ts';
import { unknownService } from '../otlp/resource.ts';
import { Hash64, SeenSeries } from '../otlp/series.ts';
import { notKept, Rejections } from '../otlp/transcoder.ts';
import { textOf, Wire } from '../otlp/wire.ts';
import { ExemplarReader } from './exemplar.ts';
import { KnownSeries } from './known-series.ts';
import { LabelSet, labelNameBytesMax, readLabel, Symbols } from './labels.ts';
import { seriesAlone } from './letter.ts';
import {
  type Family,
  FamilyCache,
  familyType,
  gaugeHistogramType,
  helpBytesMax,
  isCounter,
  unitBytesMax,
} from './metadata.ts';
import { isStaleMarker, NativeHistogram } from './native-histogram.ts';
import { readSeriesMetadata, series, shortText } from './open-series.ts';
import type { RemoteWriteLimits, Version, Written } from './request.ts';

/** Tags of a TimeSeries. Its samples have the same tag in both versions. */
const samplesTag = 0x12;
const layouts = {
  1: { series: 0x0a, labels: 0x0a, exemplars: 0x1a, histograms: 0x22 },
  2: { series: 0x2a, labels: 0x0a, exemplars: 0x22, histograms: 0x1a },
} as const;

const flagNoRecordedValue = 1;
/** Which table and type a row is of; part of the series id, for a name may change from one form to another. */
const sampleForm = 0;
const exponentialForm = 1;
const explicitForm = 2;
const noForm = -1;

/** WriteRequest of both versions to blocks of the four metric tables. Synchronous; throws MalformedError. */
export class RemoteWriteTranscoder {
  private readonly tables = new MetricTables();
  private readonly series = this.tables.series;
  private readonly samples = this.tables.samples;
  private readonly histograms = this.tables.histograms;
  private readonly exemplars = this.tables.exemplars;
  private readonly labels = new LabelSet();
  private readonly symbols = new Symbols();
  private readonly histogram = new NativeHistogram();
  private readonly exemplar = new ExemplarReader();
  private readonly families = new FamilyCache();
  private readonly seen = new SeenSeries();
  private readonly known = new KnownSeries();
  private readonly id = new Hash64();
  private readonly keys = { tenant: 0, name: 0, service: 0 };
  private readonly rejections = new Rejections();
  private readonly limits: RemoteWriteLimits;
  private readonly guard: LabelGuard | undefined;
  private tenant = '';
  private nowMs = 0;
  private version: Version = 1;
  private form = noForm;
  private labelBytes = 0;

  constructor(limits: RemoteWriteLimits, guard?: LabelGuard) {
    this.limits = limits;
    this.guard = guard;
  }

  transcode(tenant: string, body: Uint8Array, version: Version, nowMs: number): Written {
    this.tenant = tenant;
    this.version = version;
    this.nowMs = nowMs;
    this.known.begin(tenant, nowMs);
    this.labelBytes = 0;
    this.histogram.begin();
    let whole = false;
    try {
      const wire = new Wire(body);
      // The string table and the metadata may stand behind the series that need them.
      this.readHead(wire);
      wire.position = 0;
      while (wire.position < body.length) {
        const tag = wire.tag(body.length);
        if (tag === layouts[version].series) this.timeSeries(wire, wire.length(body.length));
        else wire.skip(tag, body.length);
      }
      const written = {
        samples: this.samples.Value.rows,
        histograms: this.histograms.Count.rows,
        exemplars: this.exemplars.Value.rows,
      };
      const blocks = this.tables.takeBlocks();
      whole = true;
      return { blocks, ...written, ...this.rejections.take() };
    } finally {
      // Series of a request that is refused have not got their row.
      if (!whole) this.forget();
      this.tables.reset();
      this.symbols.reset();
      this.rejections.take();
    }
  }

  /** The last request could not be stored. */
  forget(): void {
    this.seen.clear();
    this.known.clear();
  }

  /**
   * Metadata of version 1, symbols of version 2. The two versions share no field at this level, so a body under the other's
   * Content-Type is recognized and does not pass as an empty request.
   */
  private readHead(wire: Wire): void {
    const end = wire.bytes.length;
    while (wire.position < end) {
      const tag = wire.tag(end);
      const isFirst = tag === 0x0a || tag === 0x1a;
      const isSecond = tag === 0x22 || tag === 0x2a;
      if ((this.version === 1 && isSecond) || (this.version === 2 && isFirst))
        throw wire.malformed('it is of another version than Content-Type says');
      if (tag === 0x1a) this.metadata(wire, wire.length(end));
      else if (tag === 0x22) {
        const stop = wire.length(end);
        this.symbols.add(wire, stop);
        wire.position = stop;
      } else wire.skip(tag, end);
    }
  }

  /** MetricMetadata { type = 1, metric_family_name = 2, help = 4, unit = 5 } of version 1. */
  private metadata(wire: Wire, end: number): void {
    const family: Family = { type: 0, help: '', unit: '' };
    let name = '';
    while (wire.position < end) {
      const tag = wire.tag(end);
      if (tag === 0x08) {
        wire.varint(end);
        family.type = familyType(wire.low);
      } else if (tag === 0x12) name = shortText(wire, end, labelNameBytesMax);
      else if (tag === 0x22) family.help = shortText(wire, end, helpBytesMax);
      else if (tag === 0x2a) family.unit = shortText(wire, end, unitBytesMax);
      else wire.skip(tag, end);
    }
    if (name !== '' && this.families.set(this.tenant, name, family)) this.forget();
  }

  private timeSeries(wire: Wire, end: number): void {
    const { labels, version } = this;
    const layout = layouts[version];
    const start = wire.position;
    if (version === 1 && this.knownSeries(wire, end)) return;
    wire.position = start;
    const fault = this.readSeries(wire, end);
    const records = series.samples + series.histograms + series.exemplars;
    if (records === 0) return;
    const reason = fault ?? labels.check(wire.bytes, this.limits.attributeBytesMax) ?? this.nameFault();
    this.form = noForm;
    if (reason !== undefined) {
      this.reject(wire, `${this.who(wire)}: ${reason}`, records);
      return;
    }
    this.countLabelBytes(labels.bytes);
    // Exemplars belong to the series of the samples or histograms beside them, so they are read last.
    for (const exemplars of series.exemplars > 0 ? [false, true] : [false]) {
      wire.position = series.start;
      while (wire.position < end) {
        const tag = wire.tag(end);
        if (tag === samplesTag && !exemplars) this.sample(wire, wire.length(end));
        else if (tag === layout.histograms && !exemplars) this.histogramRow(wire, wire.length(end));
        else if (tag === layout.exemplars && exemplars) this.exemplarRow(wire, wire.length(end));
        else wire.skip(tag, end);
      }
    }
    if (version === 1 && this.form === sampleForm) this.known.remember(wire, start, end, labels, this.id);
  }

  /** The usual case; false when it is another, nothing is written then. */
  private knownSeries(wire: Wire, end: number): boolean {
    const { known, samples, keys, labels, id } = this;
    const start = wire.position;
    if (!known.match(wire, end)) return false;
    this.countLabelBytes(known.labelsEnd - start);
    Object.assign(series, { start, end, created: 0 });
    this.form = sampleForm;
    id.low = known.idLow;
    id.high = known.idHigh;
    labels.reset();
    labels.add(0, 0, start + known.place(0), start + known.place(1));
    labels.name = 0;
    if (known.place(3) > 0) labels.service = 1;
    labels.add(0, 0, start + known.place(2), start + known.place(3));
    keys.tenant = samples.Tenant.internText(this.tenant);
    keys.name = this.internName(wire, samples);
    keys.service = this.internService(wire, samples);
    wire.position = known.labelsEnd;
    while (wire.position < end) {
      wire.position += 1;
      this.sample(wire, wire.length(end));
    }
    return true;
  }

  /** Labels, metadata and numbers of records; answers what is wrong with the references to labels. */
  private readSeries(wire: Wire, end: number): string | undefined {
    const { labels, version } = this;
    const layout = layouts[version];
    labels.reset();
    series.start = wire.position;
    series.end = end;
    series.samples = series.histograms = series.exemplars = 0;
    series.type = series.help = series.unit = series.created = 0;
    let fault: string | undefined;
    while (wire.position < end) {
      const tag = wire.tag(end);
      if (tag === layout.labels) {
        const stop = wire.length(end);
        if (version === 1) readLabel(wire, stop, labels);
        else fault = this.symbols.readRefs(wire, stop, labels) ?? fault;
        wire.position = stop;
      } else if (version === 2 && tag === 0x2a) readSeriesMetadata(wire, wire.length(end));
      else if (version === 2 && tag === 0x30) {
        wire.varint(end);
        series.created = wire.signed();
      } else {
        if (tag === samplesTag) series.samples += 1;
        else if (tag === layout.histograms) series.histograms += 1;
        else if (tag === layout.exemplars) series.exemplars += 1;
        wire.skip(tag, end);
      }
    }
    return fault;
  }

  private nameFault(): string | undefined {
    const at = this.labels.name;
    if (at < 0) return 'the label __name__ is missing';
    const bytes = (this.labels.valueEnd[at] ?? 0) - (this.labels.valueStart[at] ?? 0);
    return bytes > labelNameBytesMax
      ? `its name has ${bytes} bytes; at most ${labelNameBytesMax} are taken`
      : undefined;
  }

  /** Version 2 names each text once however often it is used: what it stands for is bounded like a body. */
  private countLabelBytes(bytes: number): void {
    this.labelBytes += bytes;
    if (this.labelBytes <= this.limits.bodyBytesMax) return;
    throw new ClewError(
      'too_large',
      `The labels of the request are larger than ${this.limits.bodyBytesMax} bytes, the limit of ingest.body_bytes_max. Send smaller batches.`,
      { details: { limit: this.limits.bodyBytesMax, setting: 'ingest.body_bytes_max' } },
    );
  }

  /** The series' id for rows of one form; its row in metric_series when that is due. Answers why it is refused. */
  private open(wire: Wire, form: number): LabelFault | undefined {
    if (this.form === form) return undefined;
    this.hashSeries(form);
    const { id, keys } = this;
    // A series whose type comes to be known is written once more.
    const typeMark = Math.imul(series.type, 0x9e3779b1);
    if (this.seen.isNew((id.low ^ typeMark) >>> 0, id.high, this.nowMs)) {
      const fault = this.askGuard(wire);
      if (fault !== undefined) {
        this.seen.remove((id.low ^ typeMark) >>> 0, id.high);
        if (fault.action !== 'drop_label') return fault;
        this.labels.drop(wire.bytes, fault.label);
        return this.open(wire, form);
      }
      this.seriesRow(wire, form);
    }
    this.form = form;
    const columns = form === sampleForm ? this.samples : this.histograms;
    keys.tenant = columns.Tenant.internText(this.tenant);
    keys.name = this.internName(wire, columns);
    keys.service = this.internService(wire, columns);
    return undefined;
  }

  private hashSeries(form: number): void {
    const { id, labels } = this;
    id.reset();
    id.text(this.tenant);
    id.text('prometheus');
    id.number(form);
    id.number(labels.hashLow);
    id.number(labels.hashHigh);
    id.finish();
  }

  private askGuard(wire: Wire): LabelFault | undefined {
    const { guard, labels, id } = this;
    if (guard === undefined) return undefined;
    const metric = labels.value(wire.bytes, labels.name);
    return guard.series(this.tenant, metric, id.low, id.high, labels.pairs(wire.bytes), this.nowMs);
  }

  private internName(wire: Wire, columns: IdentityColumns): number {
    const at = this.labels.name;
    const { valueStart, valueEnd } = this.labels;
    return columns.MetricName.intern(wire.bytes, valueStart[at] ?? 0, valueEnd[at] ?? 0);
  }

  private internService(wire: Wire, columns: IdentityColumns): number {
    const { service, valueStart, valueEnd } = this.labels;
    return service < 0
      ? columns.ServiceName.internText(unknownService)
      : columns.ServiceName.intern(wire.bytes, valueStart[service] ?? 0, valueEnd[service] ?? 0);
  }

  private identity(columns: IdentityColumns): void {
    columns.Tenant.index(this.keys.tenant);
    columns.SeriesId.uint64(this.id.low, this.id.high);
    columns.MetricName.index(this.keys.name);
    columns.ServiceName.index(this.keys.service);
  }

  private seriesRow(wire: Wire, form: number): void {
    const { labels } = this;
    const columns = this.series;
    const name = labels.value(wire.bytes, labels.name);
    const family = this.familyOf(wire, name);
    columns.Tenant.text(this.tenant);
    columns.SeriesId.uint64(this.id.low, this.id.high);
    columns.MetricName.index(this.internName(wire, columns));
    columns.ServiceName.index(this.internService(wire, columns));
    const counts = form === sampleForm && isCounter(family.type, name);
    const plain = counts ? 'sum' : 'gauge';
    columns.MetricType.text(
      form === exponentialForm ? 'exponential_histogram' : form === explicitForm ? 'histogram' : plain,
    );
    columns.Unit.text(family.unit);
    columns.Description.text(family.help);
    const grows = form === sampleForm ? counts : family.type !== gaugeHistogramType;
    columns.Temporality.text(grows ? 'cumulative' : form === sampleForm ? '' : 'unspecified');
    columns.IsMonotonic.uint8(counts ? 1 : 0);
    columns.ScopeName.text('');
    columns.ScopeVersion.text('');
    columns.LastSeen.whole(Math.floor(this.nowMs));
    labels.write(wire.bytes, columns.ResourceAttributes, columns.Attributes);
  }

  /** The metadata beside the series (version 2), else what was told before (version 1). */
  private familyOf(wire: Wire, name: string): Family {
    if (series.type === 0) return this.families.find(this.tenant, name) ?? { type: 0, help: '', unit: '' };
    const help = this.symbols.text(wire.bytes, series.help, helpBytesMax);
    const unit = this.symbols.text(wire.bytes, series.unit, unitBytesMax);
    return { type: series.type, help, unit };
  }

  /** Sample { value = 1, timestamp = 2, start_timestamp = 3 }. */
  private sample(wire: Wire, end: number): void {
    let low = 0;
    let high = 0;
    let timestamp = 0;
    let start = series.created;
    const from = wire.position;
    while (wire.position < end) {
      const tag = wire.tag(end);
      if (tag === 0x09) {
        wire.fixed64(end);
        low = wire.low;
        high = wire.high;
      } else if (tag === 0x10 || tag === 0x18) {
        wire.varint(end);
        if (tag === 0x10) timestamp = wire.signed();
        else start = wire.signed();
      } else wire.skip(tag, end);
    }
    if (!this.isInRange(wire, timestamp, 'sample', samplesTag, from)) return;
    const fault = this.open(wire, sampleForm);
    if (fault !== undefined) {
      this.rejectOne(wire, fault.message, samplesTag, from, fault.action);
      return;
    }
    const columns = this.samples;
    this.identity(columns);
    columns.Timestamp.whole(timestamp);
    columns.StartTimestamp.whole(this.startOf(start));
    const stale = isStaleMarker(low, high);
    if (stale) columns.Value.float64(Number.NaN);
    else columns.Value.uint64(low, high);
    columns.Flags.uint8(stale ? flagNoRecordedValue : 0);
  }

  private histogramRow(wire: Wire, end: number): void {
    const { histogram } = this;
    const from = wire.position;
    const tag = layouts[this.version].histograms;
    histogram.read(wire, end);
    const fault = histogram.fault();
    if (fault !== undefined) {
      this.rejectOne(wire, `${this.who(wire)}: ${fault}`, tag, from);
      return;
    }
    if (!this.isInRange(wire, histogram.timestamp, 'histogram', tag, from)) return;
    const refused = this.open(wire, histogram.isCustom ? explicitForm : exponentialForm);
    if (refused !== undefined) {
      this.rejectOne(wire, refused.message, tag, from, refused.action);
      return;
    }
    const columns = this.histograms;
    this.identity(columns);
    columns.Timestamp.whole(histogram.timestamp);
    columns.StartTimestamp.whole(this.startOf(histogram.start === 0 ? series.created : histogram.start));
    histogram.write(columns);
    columns.Flags.uint8(histogram.isStale ? flagNoRecordedValue : 0);
  }

  private exemplarRow(wire: Wire, end: number): void {
    const { exemplar } = this;
    const isSecond = this.version === 2;
    const from = wire.position;
    const tag = layouts[this.version].exemplars;
    const fault = exemplar.read(
      wire,
      end,
      isSecond ? this.symbols : undefined,
      this.limits.attributeBytesMax,
    );
    if (fault !== undefined) {
      this.rejectOne(wire, `${this.who(wire)}: in an exemplar, ${fault}`, tag, from);
      return;
    }
    if (!this.isInRange(wire, exemplar.timestamp, 'exemplar', tag, from)) return;
    this.countLabelBytes(exemplar.labels.bytes);
    const refused =
      this.form === noForm
        ? this.open(wire, series.histograms > 0 ? exponentialForm : sampleForm)
        : undefined;
    if (refused !== undefined) {
      this.rejectOne(wire, refused.message, tag, from, refused.action);
      return;
    }
    const columns = this.exemplars;
    columns.Tenant.text(this.tenant);
    columns.SeriesId.uint64(this.id.low, this.id.high);
    columns.MetricName.index(this.internName(wire, columns));
    columns.ServiceName.index(this.internService(wire, columns));
    exemplar.write(wire, columns);
  }

  private isInRange(wire: Wire, timestamp: number, what: string, tag: number, from: number): boolean {
    const latest = this.nowMs + this.limits.clockSkewS * 1_000;
    if (timestamp > 0 && timestamp <= latest) return true;
    const why =
      timestamp === 0
        ? 'has no timestamp'
        : timestamp < 0
          ? `has a timestamp before 1970 (${timestamp})`
          : `lies more than ${this.limits.clockSkewS} s in the future (timestamp ${timestamp}; ingest.clock_skew_s)`;
    this.rejectOne(wire, `${this.who(wire)}: a ${what} ${why}`, tag, from);
    return false;
  }

  /** When a counter began; a time that can't be is as good as none. */
  private startOf(start: number): number {
    return start > 0 && start <= this.nowMs + this.limits.clockSkewS * 1_000 ? start : 0;
  }

  private reject(wire: Wire, reason: string, records: number): void {
    this.rejections.add(reason, wire.bytes, series.start, series.end, records);
  }

  /** One record that was just read, from `from` to where the wire is; the rest of its series is kept. */
  private rejectOne(
    wire: Wire,
    reason: string,
    tag: number,
    from: number,
    action: CardinalityAction = 'dead_letter',
  ): void {
    if (action === 'reject') {
      this.rejections.addMade(reason, () => notKept);
      return;
    }
    const whole = wire.bytes.subarray(series.start, series.end);
    const tags = { samples: samplesTag, ...layouts[this.version] };
    this.rejections.addMade(reason, () =>
      seriesAlone(whole, tags, tag, from - series.start, wire.position - series.start),
    );
  }

  /** The series' name for an answer, cut. */
  private who(wire: Wire): string {
    const at = this.labels.name;
    if (at < 0) return 'a series';
    const start = this.labels.valueStart[at] ?? 0;
    const end = Math.min(this.labels.valueEnd[at] ?? 0, start + 100);
    return `the series ${JSON.stringify(textOf(wire.bytes, start, end))}`;
  }
}
