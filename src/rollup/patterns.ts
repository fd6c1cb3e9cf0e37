import type { DetailQuery } from '../detail/index.ts';
import type { TimeWindow } from '../model/index.ts';

/** Shapes per window that are counted one by one, the commonest first; the rest is counted as left out. */
export const shapesMax = 20_000;
/** Shapes mined in one window. A burst of nonsense must not turn into a burst of patterns. */
export const shapesMinedMax = 2_000;
/** Patterns of one tenant. Shapes beyond them count under the pattern `<*>`, so totals stay right. */
export const patternsPerTenantMax = 20_000;

export interface ShapeRow {
  service: string;
  /** Unsigned 64-bit as decimal text. */
  shape: string;
  total: number;
  errors: number;
  severity_number: number;
  first_ms: number;
  last_ms: number;
}

/** Counts without reading bodies: that is what `Shape` is for. */
const shapesSql = `
SELECT ServiceName AS service, toString(Shape) AS shape, toFloat64(count()) AS total,
  toFloat64(countIf(SeverityNumber >= 17)) AS errors, max(SeverityNumber) AS severity_number,
  toFloat64(toUnixTimestamp64Milli(min(Timestamp))) AS first_ms, toFloat64(toUnixTimestamp64Milli(max(Timestamp))) AS last_ms
FROM otel_logs
WHERE Tenant = {tenant:String} AND Timestamp >= {from:DateTime64(9)} AND Timestamp < {to:DateTime64(9)}
GROUP BY service, Shape ORDER BY total DESC, service, Shape LIMIT {shapes_max:UInt32}`;

export const shapesQuery = (tenant: string, window: TimeWindow): DetailQuery => ({
  name: 'rollup.shapes',
  tenant,
  window,
  sql: shapesSql,
  params: { shapes_max: shapesMax + 1 },
});

export interface ExampleRow {
  shape: string;
  service: string;
  body: string;
  /** `[key, type]`, a key perhaps with several types. */
  attributes: [string, string][];
}

/** Keys of the attributes of one shape that are remembered. */
const attributesMax = 64;

/**
 * One message of each shape that has no pattern yet; the earliest, so that a replay sees the same one. Attribute values
 * are text in the store: their type is what all of them read as.
 */
const examplesSql = (logs: string): string => `
SELECT toString(Shape) AS shape, argMin(ServiceName, (Timestamp, EventId)) AS service,
  argMin(substring(Body, 1, 4096), (Timestamp, EventId)) AS body,
  groupUniqArrayArray(${attributesMax})(arrayMap((k, v) -> (toString(k), multiIf(
    match(v, '^-?[0-9]{1,18}$'), 'integer', match(v, '^-?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]+)?$'), 'number',
    v IN ('true', 'false'), 'boolean', match(v, '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}'), 'timestamp',
    'string')), mapKeys(LogAttributes), mapValues(LogAttributes))) AS attributes
FROM ${logs}
WHERE Tenant = {tenant:String} AND Timestamp >= {from:DateTime64(9)} AND Timestamp < {to:DateTime64(9)}
  AND Shape IN (SELECT toUInt64(arrayJoin({shapes:Array(String)})))
GROUP BY Shape ORDER BY Shape`;

export const examplesQuery = (
  tenant: string,
  window: TimeWindow,
  shapes: readonly string[],
  logs = 'otel_logs',
): DetailQuery => ({
  name: 'rollup.shape_examples',
  tenant,
  window,
  sql: examplesSql(logs),
  params: { shapes },
});

/** Key to type of what several records have; two types of numbers are a number, any other two are text. */
export function attributeSchema(pairs: readonly (readonly [string, string])[]): Record<string, string> {
  const types = new Map<string, string>();
  for (const [key, type] of pairs) {
    const before = types.get(key) ?? type;
    const numbers = [before, type].every((each) => each === 'integer' || each === 'number');
    types.set(key, before === type ? type : numbers ? 'number' : 'string');
  }
  return Object.fromEntries([...types].sort(([a], [b]) => (a < b ? -1 : 1)));
}
