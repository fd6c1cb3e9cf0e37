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
  body: string;
  attributes: string[];
}

/** One message of each shape that has no pattern yet; the earliest, so that a replay sees the same one. */
const examplesSql = `
SELECT toString(Shape) AS shape, substring(Body, 1, 4096) AS body, mapKeys(LogAttributes) AS attributes
FROM otel_logs
WHERE Tenant = {tenant:String} AND Timestamp >= {from:DateTime64(9)} AND Timestamp < {to:DateTime64(9)}
  AND Shape IN (SELECT toUInt64(arrayJoin({shapes:Array(String)})))
ORDER BY Shape, Timestamp, EventId
LIMIT 1 BY Shape`;

export const examplesQuery = (
  tenant: string,
  window: TimeWindow,
  shapes: readonly string[],
): DetailQuery => ({
  name: 'rollup.shape_examples',
  tenant,
  window,
  sql: examplesSql,
  params: { shapes },
});
