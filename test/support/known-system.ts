import { openSqlDetail, type SqlDetail } from './detail.ts';
import { putLogs, putSpans } from './telemetry.ts';

export const t0 = Date.parse('2026-03-01T12:00:00Z');
export const second = 1_000;
export const minute = 60 * second;
export const window = { from: t0, to: t0 + 60 * minute };
export const tenant = 'default';

/** A small system whose every row the tests below know. */
export async function openKnownSystem(): Promise<SqlDetail> {
  const detail = await openSqlDetail();
  await putLogs(detail, [
    {
      at: t0 + 1 * minute,
      service: 'cart',
      body: 'cart of user 17 loaded',
      eventId: 1,
      shape: '100',
      attributes: { 'user.id': '17' },
    },
    {
      at: t0 + 20 * minute,
      service: 'cart',
      body: 'cart of user 18 loaded',
      eventId: 2,
      shape: '100',
      attributes: { 'user.id': '18' },
    },
    {
      at: t0 + 58 * minute,
      service: 'payments',
      severity: 17,
      body: 'Card DECLINED: 100% of "limit" used',
      eventId: 3,
      shape: '200',
      traceId: 'aa01',
      spanId: 'b2',
      resource: { 'host.name': 'h1' },
    },
    {
      at: t0 + 58 * minute,
      service: 'payments',
      severity: 21,
      body: 'Zahlung für Müller abgelehnt',
      eventId: 4,
      shape: '300',
      resource: { 'host.name': 'h2' },
    },
    {
      at: t0 + 59 * minute,
      service: 'gateway',
      severity: 13,
      body: "it's slow \\ very_slow",
      eventId: 5,
      shape: '400',
      attributes: { empty: '' },
    },
    {
      at: t0 + 59 * minute + 30 * second,
      service: 'gateway',
      severity: 0,
      body: 'no severity was set',
      eventId: 6,
      shape: '500',
    },
    {
      at: t0 + 59 * minute,
      service: 'cart',
      tenant: 'other',
      body: 'of another tenant',
      eventId: 7,
      shape: '100',
    },
    { at: t0 - 1 * minute, service: 'cart', body: 'before the window', eventId: 8, shape: '100' },
    {
      at: window.to,
      service: 'cart',
      body: 'at the end of the window, which is outside',
      eventId: 9,
      shape: '100',
    },
  ]);
  await putSpans(detail, [
    {
      at: t0 + 10 * minute,
      traceId: 'aa01',
      spanId: 'a1',
      service: 'gateway',
      name: 'GET /pay',
      durationMs: 100,
      eventId: 1,
    },
    {
      at: t0 + 10 * minute + 5,
      traceId: 'aa01',
      spanId: 'b1',
      parent: 'a1',
      service: 'gateway',
      name: 'POST',
      kind: 'Client',
      durationMs: 90,
      eventId: 2,
    },
    {
      at: t0 + 10 * minute + 10,
      traceId: 'aa01',
      spanId: 'b2',
      parent: 'b1',
      service: 'payments',
      name: 'POST /charge',
      durationMs: 80,
      status: 'Error',
      attributes: { 'app.version': 'v2' },
      event: { at: t0 + 10 * minute + 20, name: 'exception' },
      eventId: 3,
    },
    {
      at: t0 + 40 * minute,
      traceId: 'aa02',
      spanId: 'c1',
      service: 'gateway',
      name: 'GET /cart',
      durationMs: 10,
      eventId: 4,
    },
    {
      at: t0 + 40 * minute + 1,
      traceId: 'aa02',
      spanId: 'c2',
      parent: 'c1',
      service: 'cart',
      name: 'GET /cart',
      durationMs: 5,
      attributes: { 'app.version': 'v1' },
      eventId: 5,
    },
    {
      at: t0 + 59 * minute,
      traceId: 'aa03',
      spanId: 'd1',
      service: 'gateway',
      name: 'GET /cart',
      durationMs: 20,
      eventId: 6,
    },
    {
      at: t0 + 59 * minute,
      traceId: 'aa04',
      spanId: 'e1',
      tenant: 'other',
      service: 'gateway',
      name: 'GET /cart',
      durationMs: 20,
      eventId: 7,
    },
  ]);
  await detail.exec(
    `INSERT INTO change_events (Tenant, Timestamp, Id, Kind, ServiceName, Title, Actor, Labels, EventId) VALUES
      ('default', fromUnixTimestamp64Milli(toInt64(${t0 + minute})), 'c1', 'deploy', 'payments', 'old telling', 'ci', map('version', 'v2'), 1),
      ('default', fromUnixTimestamp64Milli(toInt64(${t0 + 2 * minute})), 'c1', 'deploy', 'payments', 'payments v2', 'ci', map('version', 'v2'), 2),
      ('default', fromUnixTimestamp64Milli(toInt64(${t0 + 3 * minute})), 'c2', 'flag', 'cart', 'new cart on', 'eve', map(), 3),
      ('other', fromUnixTimestamp64Milli(toInt64(${t0 + 3 * minute})), 'c3', 'flag', 'cart', 'of another tenant', 'eve', map(), 4)`,
  );
  return detail;
}
