import type { DetailQuery, DetailStore } from '../../detail/index.ts';
import type { EpochMs, TimeWindow } from '../../model/index.ts';

/** Shapes of one question; the commonest are read. */
export const shapesShownMax = 500;

export interface ShapeSample {
  shape: string;
  service: string;
  message: string;
  count: number;
  errors: number;
  /** OpenTelemetry's number, the highest of them. */
  severityNumber: number;
  lastSeen: EpochMs;
}

interface StoredSample {
  shape: string;
  service: string;
  message: string;
  total: number;
  errors: number;
  severity_number: number;
  last_ms: number;
}

const samplesSql = `
SELECT toString(Shape) AS shape, argMax(ServiceName, (Timestamp, EventId)) AS service,
  argMax(substring(Body, 1, 4096), (Timestamp, EventId)) AS message, toFloat64(count()) AS total,
  toFloat64(countIf(SeverityNumber >= 17)) AS errors, max(SeverityNumber) AS severity_number,
  toFloat64(toUnixTimestamp64Milli(max(Timestamp))) AS last_ms
FROM otel_logs
WHERE Tenant = {tenant:String} AND Timestamp >= {from:DateTime64(9)} AND Timestamp < {to:DateTime64(9)}
  AND Shape IN (SELECT toUInt64(arrayJoin({shapes:Array(String)})))
GROUP BY Shape ORDER BY total DESC, shape LIMIT ${shapesShownMax}`;

const sampleOf = (row: StoredSample): ShapeSample => ({
  shape: row.shape,
  service: row.service,
  message: row.message,
  count: row.total,
  errors: row.errors,
  severityNumber: row.severity_number,
  lastSeen: row.last_ms,
});

/** The newest message of each shape, and how often it came; the commonest first. Shapes without a record are left out. */
export async function shapeSamples(
  detail: DetailStore,
  tenant: string,
  window: TimeWindow,
  shapes: readonly string[],
): Promise<ShapeSample[]> {
  if (shapes.length === 0) return [];
  const query: DetailQuery = {
    name: 'patterns.shapes',
    tenant,
    window,
    sql: samplesSql,
    params: { shapes },
  };
  return (await detail.query<StoredSample>(query)).rows.map(sampleOf);
}

const serviceSql = `
SELECT toString(Shape) AS shape, any(ServiceName) AS service,
  argMax(substring(Body, 1, 4096), (Timestamp, EventId)) AS message, toFloat64(count()) AS total,
  toFloat64(countIf(SeverityNumber >= 17)) AS errors, max(SeverityNumber) AS severity_number,
  toFloat64(toUnixTimestamp64Milli(max(Timestamp))) AS last_ms
FROM otel_logs
WHERE Tenant = {tenant:String} AND Timestamp >= {from:DateTime64(9)} AND Timestamp < {to:DateTime64(9)}
  AND ServiceName = {service:String} AND Shape <> 0
GROUP BY Shape ORDER BY total DESC, shape LIMIT {shapes_max:UInt32}`;

/** The shapes of one application. */
export async function serviceShapes(
  detail: DetailStore,
  tenant: string,
  window: TimeWindow,
  service: string,
  shapesMax: number,
): Promise<ShapeSample[]> {
  const query: DetailQuery = {
    name: 'patterns.service_shapes',
    tenant,
    window,
    sql: serviceSql,
    params: { service, shapes_max: shapesMax },
  };
  return (await detail.query<StoredSample>(query)).rows.map(sampleOf);
}
