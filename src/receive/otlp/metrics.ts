import type { LabelFault, LabelGuard } from '../label-guard.ts';
import { AttributeRules, appendKeyValue, Marks } from './attributes.ts';
import { enclosed, metricOf } from './enclose.ts';
import { exponentialPoint, histogramFault, histogramPoint, summaryPoint } from './histogram-points.ts';
import { labelsOf, pointWithout } from './labels.ts';
import { hexId } from './logs.ts';
import { type IdentityColumns, MetricTables } from './metric-columns.ts';
import { internServiceName, type Range, RepeatedMap, readEnvelope, readScope } from './resource.ts';
import { Hash64, hashAttributes, SeenSeries } from './series.ts';
import { millisecondsOf, TimeRule } from './time.ts';
import { notKept, Rejections, type Transcoded, type TranscodeLimits, type Transcoder } from './transcoder.ts';
import { textOf, Wire } from './wire.ts';

/** Per kind of metric: its name, and the tags inside a data point that all kinds have under different numbers. */
interface Kind {
  name: 'gauge' | 'sum' | 'histogram' | 'exponential_histogram' | 'summary';
  attributes: number;
  exemplars: number;
  flags: number;
}
const kinds = new Map<number, Kind>([
  [0x2a, { name: 'gauge', attributes: 0x3a, exemplars: 0x2a, flags: 0x40 }],
  [0x3a, { name: 'sum', attributes: 0x3a, exemplars: 0x2a, flags: 0x40 }],
  [0x4a, { name: 'histogram', attributes: 0x4a, exemplars: 0x42, flags: 0x50 }],
  [0x52, { name: 'exponential_histogram', attributes: 0x0a, exemplars: 0x5a, flags: 0x50 }],
  [0x5a, { name: 'summary', attributes: 0x3a, exemplars: 0, flags: 0x40 }],
]);

const temporalities = ['unspecified', 'delta', 'cumulative'];
const flagNoRecordedValue = 1;
/** Ours: the time was missing or too far in the future and is the time of receipt. */
const flagTimeReplaced = 2;

interface Metric {
  name: Range;
  description: Range;
  unit: Range;
  data: Range;
  kind: Kind | undefined;
  temporality: number;
  monotonic: number;
}

/** ExportMetricsServiceRequest to blocks of the four metric tables. */
export class MetricsTranscoder implements Transcoder {
  private readonly tables = new MetricTables();
  private readonly series = this.tables.series;
  private readonly samples = this.tables.samples;
  private readonly histograms = this.tables.histograms;
  private readonly exemplars = this.tables.exemplars;
  private readonly resourceMap = new RepeatedMap(this.series.ResourceAttributes);
  private readonly seen = new SeenSeries();
  private readonly marks = new Marks();
  private readonly base = new Hash64();
  private readonly id = new Hash64();
  private readonly rules: AttributeRules;
  private readonly guard: LabelGuard | undefined;
  private readonly time: TimeRule;
  private readonly rejections = new Rejections();
  private tenant = '';
  private nowMs = 0;
  private resource: Range = { start: 0, end: 0 };
  private scope: Range = { start: 0, end: 0 };
  private scopeName: Range = { start: 0, end: 0 };
  private scopeVersion: Range = { start: 0, end: 0 };

  constructor(limits: TranscodeLimits, guard?: LabelGuard) {
    this.rules = new AttributeRules(limits);
    this.guard = guard;
    this.time = new TimeRule(limits.clockSkewS);
  }

  transcode(tenant: string, body: Uint8Array, nowMs: number): Transcoded {
    this.tenant = tenant;
    this.rules.tenant = tenant;
    this.nowMs = nowMs;
    this.time.receivedAt(nowMs);
    let whole = false;
    try {
      this.requestBody(body);
      const records = this.samples.Value.rows + this.histograms.Count.rows;
      const blocks = this.tables.takeBlocks();
      whole = true;
      return { blocks, records, ...this.rejections.take() };
    } finally {
      // Series of a request that is refused have not got their row.
      if (!whole) this.seen.clear();
      this.tables.reset();
      this.marks.reset();
      this.resourceMap.reset();
      this.rejections.take();
    }
  }

  /** The last request could not be stored. */
  forget(): void {
    this.seen.clear();
  }

  private requestBody(body: Uint8Array): void {
    const wire = new Wire(body);
    while (wire.position < body.length) {
      const tag = wire.tag(body.length);
      if (tag === 0x0a) this.resourceMetrics(wire, wire.length(body.length));
      else wire.skip(tag, body.length);
    }
  }

  private resourceMetrics(wire: Wire, end: number): void {
    this.resource = readEnvelope(wire, end).head;
    this.resourceMap.begin();
    while (wire.position < end) {
      const tag = wire.tag(end);
      if (tag === 0x12) this.scopeMetrics(wire, wire.length(end));
      else wire.skip(tag, end);
    }
  }

  private scopeMetrics(wire: Wire, end: number): void {
    this.scope = readEnvelope(wire, end).head;
    const { name, version } = readScope(wire, this.scope);
    this.scopeName = name;
    this.scopeVersion = version;
    while (wire.position < end) {
      const tag = wire.tag(end);
      if (tag === 0x12) this.metric(wire, wire.length(end));
      else wire.skip(tag, end);
    }
  }

  private metric(wire: Wire, end: number): void {
    const metric = readMetric(wire, end);
    const { kind } = metric;
    if (kind === undefined) return;
    const nameless = metric.name.end === metric.name.start;
    this.hashMetric(wire, metric, kind);
    wire.position = metric.data.start;
    while (wire.position < metric.data.end) {
      const tag = wire.tag(metric.data.end);
      if (tag !== 0x0a) {
        wire.skip(tag, metric.data.end);
        continue;
      }
      const stop = wire.length(metric.data.end);
      const point = { start: wire.position, end: stop };
      if (nameless) this.reject('the metric has no name', wire, metric, kind, point);
      else this.point(wire, metric, kind, point);
      wire.position = stop;
    }
    wire.position = end;
  }

  /** What all points of a metric share of their series id. */
  private hashMetric(wire: Wire, metric: Metric, kind: Kind): void {
    const { base } = this;
    base.reset();
    base.text(this.tenant);
    base.bytes(wire.bytes, metric.name.start, metric.name.end);
    base.text(kind.name);
    base.bytes(wire.bytes, metric.unit.start, metric.unit.end);
    base.number(metric.temporality * 2 + metric.monotonic);
    hashAttributes(wire, this.resource, 0x0a, base);
    base.bytes(wire.bytes, this.scopeName.start, this.scopeName.end);
    base.bytes(wire.bytes, this.scopeVersion.start, this.scopeVersion.end);
    hashAttributes(wire, this.scope, 0x1a, base);
  }

  private point(wire: Wire, metric: Metric, kind: Kind, point: Range): void {
    const isNumber = kind.name === 'gauge' || kind.name === 'sum';
    wire.position = point.start;
    if (isNumber ? !readNumber(wire, point.end, kind) : false) {
      this.reject('the data point has no value', wire, metric, kind, point);
      return;
    }
    if (kind.name === 'histogram') {
      wire.position = point.start;
      const fault = histogramFault(wire, point.end);
      if (fault !== undefined) {
        this.reject(fault, wire, metric, kind, point);
        return;
      }
    }
    this.id.low = this.base.low;
    this.id.high = this.base.high;
    hashAttributes(wire, point, kind.attributes, this.id);
    this.id.finish();
    if (this.seen.isNew(this.id.low, this.id.high, this.nowMs)) {
      const refused = this.askGuard(wire, metric, kind, point);
      if (refused !== undefined) {
        this.refuse(refused, wire, metric, kind, point);
        return;
      }
      this.seriesRow(wire, metric, kind, point);
    }
    wire.position = point.start;
    readCommon(wire, point.end, kind);
    const columns = isNumber ? this.samples : this.histograms;
    this.identity(wire, metric, columns);
    this.times(columns);
    wire.position = point.start;
    if (isNumber) this.samples.Value.float64(common.flags & flagNoRecordedValue ? Number.NaN : number.value);
    else if (kind.name === 'histogram') histogramPoint(wire, point.end, this.histograms);
    else if (kind.name === 'summary') summaryPoint(wire, point.end, this.histograms);
    else exponentialPoint(wire, point.end, this.histograms);
    if (kind.exemplars !== 0) this.exemplarRows(wire, metric, kind, point);
  }

  private reject(reason: string, wire: Wire, metric: Metric, kind: Kind, point: Range): void {
    this.rejections.addMade(reason, () =>
      this.alone(wire, metric, kind, wire.bytes.subarray(point.start, point.end)),
    );
  }

  /** One data point as a request of its own. */
  private alone(wire: Wire, metric: Metric, kind: Kind, point: Uint8Array): Uint8Array {
    const [tag = 0] = [...kinds].find(([, each]) => each === kind) ?? [];
    return enclosed(wire.bytes, this.resource, this.scope, metricOf(wire.bytes, metric, tag, point));
  }

  private askGuard(wire: Wire, metric: Metric, kind: Kind, point: Range): LabelFault | undefined {
    if (this.guard === undefined) return undefined;
    const name = textOf(wire.bytes, metric.name.start, metric.name.end);
    const labels = labelsOf(wire, point, kind.attributes);
    return this.guard.series(this.tenant, name, this.id.low, this.id.high, labels, this.nowMs);
  }

  /** A series beyond a limit of its labels: its point is refused, or read again without the label. */
  private refuse(fault: LabelFault, wire: Wire, metric: Metric, kind: Kind, point: Range): void {
    this.seen.remove(this.id.low, this.id.high);
    if (fault.action === 'reject') this.rejections.addMade(fault.message, () => notKept);
    if (fault.action === 'dead_letter') this.reject(fault.message, wire, metric, kind, point);
    if (fault.action !== 'drop_label') return;
    const rest = pointWithout(wire, point, kind.attributes, fault.label);
    const { resource, scope, scopeName, scopeVersion } = this;
    const { low, high } = this.base;
    this.requestBody(this.alone(wire, metric, kind, rest));
    Object.assign(this, { resource, scope, scopeName, scopeVersion });
    this.base.low = low;
    this.base.high = high;
    this.resourceMap.begin();
  }

  private identity(wire: Wire, metric: Metric, columns: IdentityColumns): void {
    columns.Tenant.text(this.tenant);
    columns.SeriesId.uint64(this.id.low, this.id.high);
    columns.MetricName.bytes(wire.bytes, metric.name.start, metric.name.end);
    columns.ServiceName.index(internServiceName(wire, this.resource, columns.ServiceName));
  }

  private times(columns: typeof this.samples | typeof this.histograms): void {
    const { time } = this;
    const fate = time.apply(common.timeLow, common.timeHigh);
    columns.Timestamp.whole(millisecondsOf(time.low, time.high));
    const started = common.startLow !== 0 || common.startHigh !== 0;
    const startFate = started ? time.apply(common.startLow, common.startHigh) : 'kept';
    columns.StartTimestamp.whole(started ? millisecondsOf(time.low, time.high) : 0);
    const replaced = fate !== 'kept' || startFate !== 'kept' ? flagTimeReplaced : 0;
    columns.Flags.uint8((common.flags & flagNoRecordedValue) | replaced);
  }

  private seriesRow(wire: Wire, metric: Metric, kind: Kind, point: Range): void {
    const columns = this.series;
    const { bytes } = wire;
    this.identity(wire, metric, columns);
    columns.MetricType.text(kind.name);
    columns.Unit.bytes(bytes, metric.unit.start, metric.unit.end);
    columns.Description.bytes(bytes, metric.description.start, metric.description.end);
    columns.Temporality.text(
      hasTemporality(kind) ? (temporalities[metric.temporality] ?? 'unspecified') : '',
    );
    columns.IsMonotonic.uint8(metric.monotonic);
    columns.ScopeName.bytes(bytes, this.scopeName.start, this.scopeName.end);
    columns.ScopeVersion.bytes(bytes, this.scopeVersion.start, this.scopeVersion.end);
    columns.LastSeen.whole(Math.floor(this.nowMs));
    this.resourceMap.rows(wire, this.resource, 0x0a, this.rules, 1);
    wire.position = point.start;
    while (wire.position < point.end) {
      const tag = wire.tag(point.end);
      if (tag === kind.attributes) {
        const stop = wire.length(point.end);
        appendKeyValue(wire, stop, columns.Attributes, this.rules, this.marks);
      } else wire.skip(tag, point.end);
    }
    if (this.marks.any) this.marks.write(columns.Attributes);
    columns.Attributes.endRow();
  }

  private exemplarRows(wire: Wire, metric: Metric, kind: Kind, point: Range): void {
    wire.position = point.start;
    while (wire.position < point.end) {
      const tag = wire.tag(point.end);
      if (tag === kind.exemplars) this.exemplar(wire, wire.length(point.end), metric);
      else wire.skip(tag, point.end);
    }
  }

  private exemplar(wire: Wire, end: number, metric: Metric): void {
    const columns = this.exemplars;
    let value = Number.NaN;
    let timeLow = 0;
    let timeHigh = 0;
    const traceId = { start: 0, end: 0 };
    const spanId = { start: 0, end: 0 };
    while (wire.position < end) {
      const tag = wire.tag(end);
      if (tag === 0x19) value = wire.double(end);
      else if (tag === 0x11 || tag === 0x31) {
        wire.fixed64(end);
        if (tag === 0x31) value = wire.signed();
        else {
          timeLow = wire.low;
          timeHigh = wire.high;
        }
      } else if (tag === 0x22 || tag === 0x2a) {
        const range = tag === 0x22 ? spanId : traceId;
        range.end = wire.length(end);
        range.start = wire.position;
        wire.position = range.end;
      } else if (tag === 0x3a) {
        const stop = wire.length(end);
        appendKeyValue(wire, stop, columns.FilteredAttributes, this.rules, this.marks);
      } else wire.skip(tag, end);
    }
    this.identity(wire, metric, columns);
    this.time.apply(timeLow, timeHigh);
    columns.Timestamp.uint64(this.time.low, this.time.high);
    columns.Value.float64(value);
    hexId(columns.TraceId, wire, traceId.start, traceId.end, 16, this.marks, 'clew.invalid_trace_id');
    hexId(columns.SpanId, wire, spanId.start, spanId.end, 8, this.marks, 'clew.invalid_span_id');
    if (this.marks.any) this.marks.write(columns.FilteredAttributes);
    columns.FilteredAttributes.endRow();
  }
}

const hasTemporality = (kind: Kind): boolean => kind.name !== 'gauge' && kind.name !== 'summary';

/** Fields of the point that is being read; reused, so that a point costs no object. */
const common = { timeLow: 0, timeHigh: 0, startLow: 0, startHigh: 0, flags: 0 };
const number = { value: 0 };

function readMetric(wire: Wire, end: number): Metric {
  const range = (): Range => ({ start: 0, end: 0 });
  const metric: Metric = {
    name: range(),
    description: range(),
    unit: range(),
    data: range(),
    kind: undefined,
    temporality: 0,
    monotonic: 0,
  };
  while (wire.position < end) {
    const tag = wire.tag(end);
    const kind = kinds.get(tag);
    const part =
      tag === 0x0a
        ? metric.name
        : tag === 0x12
          ? metric.description
          : tag === 0x1a
            ? metric.unit
            : metric.data;
    if (kind === undefined && part === metric.data) {
      wire.skip(tag, end);
      continue;
    }
    part.end = wire.length(end);
    part.start = wire.position;
    wire.position = part.end;
    if (kind !== undefined) metric.kind = kind;
  }
  wire.position = metric.data.start;
  while (wire.position < metric.data.end) {
    const tag = wire.tag(metric.data.end);
    if (tag !== 0x10 && tag !== 0x18) {
      wire.skip(tag, metric.data.end);
      continue;
    }
    wire.varint(metric.data.end);
    if (tag === 0x10) metric.temporality = wire.low;
    else metric.monotonic = wire.low === 0 ? 0 : 1;
  }
  return metric;
}

/** Times and flags: fields 2 and 3 in every kind of point, the flags under the kind's own number. */
function readCommon(wire: Wire, end: number, kind: Kind): void {
  common.timeLow = common.timeHigh = common.startLow = common.startHigh = common.flags = 0;
  while (wire.position < end) {
    const tag = wire.tag(end);
    if (tag === 0x11) {
      wire.fixed64(end);
      common.startLow = wire.low;
      common.startHigh = wire.high;
    } else if (tag === 0x19) {
      wire.fixed64(end);
      common.timeLow = wire.low;
      common.timeHigh = wire.high;
    } else if (tag === kind.flags) {
      wire.varint(end);
      common.flags = wire.low & 0xff;
    } else wire.skip(tag, end);
  }
}

/** The value of a NumberDataPoint into `number`; false when it has none and does not say so either. */
function readNumber(wire: Wire, end: number, kind: Kind): boolean {
  let known = false;
  number.value = Number.NaN;
  while (wire.position < end) {
    const tag = wire.tag(end);
    if (tag === 0x21) {
      number.value = wire.double(end);
      known = true;
    } else if (tag === 0x31) {
      wire.fixed64(end);
      number.value = wire.signed();
      known = true;
    } else if (tag === kind.flags) {
      wire.varint(end);
      if (wire.low & flagNoRecordedValue) known = true;
    } else wire.skip(tag, end);
  }
  return known;
}
