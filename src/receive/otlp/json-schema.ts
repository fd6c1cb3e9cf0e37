/** OTLP's messages, as far as they are kept: field names in camelCase, numbers and kinds as in the .proto files. */
export type FieldKind =
  | 'string'
  | 'bytes'
  | 'hex'
  | 'bool'
  | 'varint'
  | 'sint'
  | 'fixed32'
  | 'fixed64'
  | 'double'
  | 'message'
  | 'enum';

export interface Field {
  number: number;
  kind: FieldKind;
  repeated: boolean;
  /** Empty strings and zeros are written too: members of a oneof. */
  always: boolean;
  message: Message | undefined;
  names: ReadonlyMap<string, number> | undefined;
}
export type Message = Map<string, Field>;

interface Options {
  repeated?: boolean;
  always?: boolean;
  names?: ReadonlyMap<string, number>;
  message?: Message;
}
const field = (number: number, kind: FieldKind, options: Options = {}): Field => ({
  number,
  kind,
  repeated: options.repeated ?? false,
  always: options.always ?? false,
  message: options.message,
  names: options.names,
});
const one = (number: number, message: Message): Field => field(number, 'message', { message });
const many = (number: number, message: Message): Field =>
  field(number, 'message', { message, repeated: true });
const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
/** Both spellings are read: protobuf's own JSON readers take the original names, too. */
const fill = (message: Message, fields: Record<string, Field>): Message => {
  for (const [name, value] of Object.entries(fields)) {
    message.set(name, value);
    message.set(snake(name), value);
  }
  return message;
};
const define = (fields: Record<string, Field>): Message => fill(new Map(), fields);
const enumeration = (prefix: string, names: readonly string[]): ReadonlyMap<string, number> =>
  new Map(names.map((name, index) => [`${prefix}_${name}`, index]));

const severityNames = ['UNSPECIFIED'];
for (const name of ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL']) {
  for (const step of ['', '2', '3', '4']) severityNames.push(name + step);
}
const severity = enumeration('SEVERITY_NUMBER', severityNames);
const spanKind = enumeration('SPAN_KIND', [
  'UNSPECIFIED',
  'INTERNAL',
  'SERVER',
  'CLIENT',
  'PRODUCER',
  'CONSUMER',
]);
const statusCode = enumeration('STATUS_CODE', ['UNSET', 'OK', 'ERROR']);
const temporality = enumeration('AGGREGATION_TEMPORALITY', ['UNSPECIFIED', 'DELTA', 'CUMULATIVE']);

// AnyValue, ArrayValue, KeyValueList and KeyValue hold each other, so they are made first and filled after.
const anyValue: Message = new Map();
const keyValue = define({ key: field(1, 'string'), value: one(2, anyValue) });
fill(anyValue, {
  stringValue: field(1, 'string', { always: true }),
  boolValue: field(2, 'bool', { always: true }),
  intValue: field(3, 'varint', { always: true }),
  doubleValue: field(4, 'double', { always: true }),
  arrayValue: one(5, define({ values: many(1, anyValue) })),
  kvlistValue: one(6, define({ values: many(1, keyValue) })),
  bytesValue: field(7, 'bytes', { always: true }),
});

const resource = define({ attributes: many(1, keyValue) });
const scope = define({
  name: field(1, 'string'),
  version: field(2, 'string'),
  attributes: many(3, keyValue),
});

const logRecord = define({
  timeUnixNano: field(1, 'fixed64'),
  observedTimeUnixNano: field(11, 'fixed64'),
  severityNumber: field(2, 'enum', { names: severity }),
  severityText: field(3, 'string'),
  body: one(5, anyValue),
  attributes: many(6, keyValue),
  flags: field(8, 'fixed32'),
  traceId: field(9, 'hex'),
  spanId: field(10, 'hex'),
  eventName: field(12, 'string'),
});
const span = define({
  traceId: field(1, 'hex'),
  spanId: field(2, 'hex'),
  traceState: field(3, 'string'),
  parentSpanId: field(4, 'hex'),
  name: field(5, 'string'),
  kind: field(6, 'enum', { names: spanKind }),
  startTimeUnixNano: field(7, 'fixed64'),
  endTimeUnixNano: field(8, 'fixed64'),
  attributes: many(9, keyValue),
  events: many(
    11,
    define({ timeUnixNano: field(1, 'fixed64'), name: field(2, 'string'), attributes: many(3, keyValue) }),
  ),
  links: many(
    13,
    define({
      traceId: field(1, 'hex'),
      spanId: field(2, 'hex'),
      traceState: field(3, 'string'),
      attributes: many(4, keyValue),
    }),
  ),
  status: one(15, define({ message: field(2, 'string'), code: field(3, 'enum', { names: statusCode }) })),
});

const exemplar = define({
  timeUnixNano: field(2, 'fixed64'),
  asDouble: field(3, 'double', { always: true }),
  spanId: field(4, 'hex'),
  traceId: field(5, 'hex'),
  asInt: field(6, 'fixed64', { always: true }),
  filteredAttributes: many(7, keyValue),
});
const times = { startTimeUnixNano: field(2, 'fixed64'), timeUnixNano: field(3, 'fixed64') };
const numberPoint = define({
  ...times,
  asDouble: field(4, 'double', { always: true }),
  exemplars: many(5, exemplar),
  asInt: field(6, 'fixed64', { always: true }),
  attributes: many(7, keyValue),
  flags: field(8, 'varint'),
});
const histogramPoint = define({
  ...times,
  count: field(4, 'fixed64'),
  sum: field(5, 'double'),
  bucketCounts: field(6, 'fixed64', { repeated: true }),
  explicitBounds: field(7, 'double', { repeated: true }),
  exemplars: many(8, exemplar),
  attributes: many(9, keyValue),
  flags: field(10, 'varint'),
  min: field(11, 'double', { always: true }),
  max: field(12, 'double', { always: true }),
});
const buckets = define({ offset: field(1, 'sint'), bucketCounts: field(2, 'varint', { repeated: true }) });
const exponentialPoint = define({
  ...times,
  attributes: many(1, keyValue),
  count: field(4, 'fixed64'),
  sum: field(5, 'double'),
  scale: field(6, 'sint'),
  zeroCount: field(7, 'fixed64'),
  positive: one(8, buckets),
  negative: one(9, buckets),
  flags: field(10, 'varint'),
  exemplars: many(11, exemplar),
  min: field(12, 'double', { always: true }),
  max: field(13, 'double', { always: true }),
  zeroThreshold: field(14, 'double'),
});
const summaryPoint = define({
  ...times,
  count: field(4, 'fixed64'),
  sum: field(5, 'double'),
  quantileValues: many(
    6,
    define({ quantile: field(1, 'double', { always: true }), value: field(2, 'double', { always: true }) }),
  ),
  attributes: many(7, keyValue),
  flags: field(8, 'varint'),
});
const aggregation = field(2, 'enum', { names: temporality });
const metric = define({
  name: field(1, 'string'),
  description: field(2, 'string'),
  unit: field(3, 'string'),
  gauge: one(5, define({ dataPoints: many(1, numberPoint) })),
  sum: one(
    7,
    define({
      dataPoints: many(1, numberPoint),
      aggregationTemporality: aggregation,
      isMonotonic: field(3, 'bool'),
    }),
  ),
  histogram: one(9, define({ dataPoints: many(1, histogramPoint), aggregationTemporality: aggregation })),
  exponentialHistogram: one(
    10,
    define({ dataPoints: many(1, exponentialPoint), aggregationTemporality: aggregation }),
  ),
  summary: one(11, define({ dataPoints: many(1, summaryPoint) })),
});

const envelope = (outer: string, inner: string, items: string, item: Message): Message =>
  define({
    [outer]: many(
      1,
      define({
        resource: one(1, resource),
        [inner]: many(
          2,
          define({ scope: one(1, scope), [items]: many(2, item), schemaUrl: field(3, 'string') }),
        ),
        schemaUrl: field(3, 'string'),
      }),
    ),
  });

export const requestMessages = {
  logs: envelope('resourceLogs', 'scopeLogs', 'logRecords', logRecord),
  traces: envelope('resourceSpans', 'scopeSpans', 'spans', span),
  metrics: envelope('resourceMetrics', 'scopeMetrics', 'metrics', metric),
};
