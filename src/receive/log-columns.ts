import { FixedColumn, LowCardinalityColumn, MapColumn, StringColumn } from '../lib/index.ts';

/** The columns of `otel_logs` as every receiver of logs writes them; `EventId` is added when a block is taken. */
export const makeLogColumns = () => ({
  Tenant: new LowCardinalityColumn(),
  Timestamp: new FixedColumn("DateTime64(9, 'UTC')"),
  ObservedTimestamp: new FixedColumn("DateTime64(9, 'UTC')"),
  TraceId: new StringColumn(),
  SpanId: new StringColumn(),
  TraceFlags: new FixedColumn('UInt8'),
  SeverityText: new LowCardinalityColumn(),
  SeverityNumber: new FixedColumn('UInt8'),
  ServiceName: new LowCardinalityColumn(),
  Body: new StringColumn(),
  ResourceSchemaUrl: new LowCardinalityColumn(),
  ResourceAttributes: new MapColumn(new LowCardinalityColumn()),
  ScopeSchemaUrl: new LowCardinalityColumn(),
  ScopeName: new LowCardinalityColumn(),
  ScopeVersion: new LowCardinalityColumn(),
  ScopeAttributes: new MapColumn(new LowCardinalityColumn()),
  LogAttributes: new MapColumn(new StringColumn()),
  EventName: new LowCardinalityColumn(),
  Shape: new FixedColumn('UInt64'),
});
