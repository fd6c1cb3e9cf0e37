import { describe, expect, it, test } from 'vitest';
import type { SignalRow } from '../api/series.ts';
import { joined, lanesOf, metricOf, placeIn } from './unusual.ts';

const now = 10_000_000;
const window = { from: now - 1_800_000, to: now };
const row = (
  event_id: string,
  more: Partial<SignalRow> & { labels: Record<string, unknown> },
): SignalRow => ({
  event_id,
  detected_at: now - 60_000,
  severity: 'ERROR',
  kind: 'anomaly',
  title: '',
  summary: '',
  urn: null,
  ...more,
});
const live = (service: string, more: Record<string, unknown> = {}) => ({
  service,
  indicator: 'latency_p95',
  objective: `${service}.latency_p95`,
  since: now - 120_000,
  ...more,
});

describe('lanes of what is unusual', () => {
  it('join what came again of one service, the open ones first, then the worst', () => {
    const lanes = lanesOf(
      [
        row('1', { labels: live('cart', { resolved_at: now - 30_000 }), severity: 'FATAL' }),
        row('2', { labels: live('pay'), severity: 'WARN' }),
        row('3', { labels: live('cart', { since: now - 900_000, resolved_at: now - 800_000 }) }),
        row('4', { labels: live('shop') }),
      ],
      window,
    );
    expect(lanes.map((lane) => [lane.service, lane.open, lane.worst, lane.bouts.length])).toEqual([
      ['shop', true, 'ERROR', 1],
      ['pay', true, 'WARN', 1],
      ['cart', false, 'FATAL', 2],
    ]);
    expect(lanes[0]?.bouts[0]).toMatchObject({ from: now - 120_000, to: now });
  });

  it('hold what has no end of its own only while it is fresh', () => {
    const stored = { service: 'cart', indicator: 'heap.used', table: 'metric_1m', objective: null };
    const [fresh] = lanesOf([row('1', { labels: stored })], window);
    const [old] = lanesOf([row('1', { labels: stored, detected_at: now - 1_200_000 })], window);
    expect([fresh?.open, old?.open]).toEqual([true, false]);
  });

  it('keep patterns apart and take the name of the resource where no service is told', () => {
    const lanes = lanesOf(
      [
        row('1', { kind: 'new_pattern', labels: { pattern_id: 'p1' }, urn: 'urn:svc:cart' }),
        row('2', { kind: 'new_pattern', labels: { pattern_id: 'p2' }, urn: 'urn:svc:cart' }),
      ],
      window,
    );
    expect(lanes.map((lane) => lane.service)).toEqual(['cart', 'cart']);
  });

  it('are left out where they were over before the window, kept where they last into it', () => {
    const early = live('cart', { since: now - 7_200_000 });
    const lanes = lanesOf(
      [
        row('1', { labels: { ...early, resolved_at: now - 7_000_000 } }),
        row('2', { labels: { ...early, service: 'pay' }, detected_at: now - 7_100_000 }),
      ],
      window,
    );
    expect(lanes.map((lane) => [lane.service, lane.open])).toEqual([['pay', true]]);
  });

  it('are placed within the window only', () => {
    const window = { from: 1_000, to: 2_000 };
    expect(placeIn({ from: 500, to: 1_500 }, window)).toEqual({ left: 0, width: 0.5 });
    expect(placeIn({ from: 1_250, to: 1_250 }, window)).toEqual({ left: 0.25, width: 0 });
    expect(placeIn({ from: 2_500, to: 2_600 }, window)).toBeNull();
  });
});

test('times that touch are one', () => {
  const times = [
    { from: 5, to: 9 },
    { from: 1, to: 3 },
    { from: 3, to: 4 },
    { from: 6, to: 7 },
  ];
  expect(joined(times)).toEqual([
    { from: 1, to: 4 },
    { from: 5, to: 9 },
  ]);
});

describe('the metric of an event', () => {
  it('is the one it was found in, or the one that shows the same indicator', () => {
    expect(
      metricOf({ table: 'metric_1m', indicator: 'heap.used', service: 'cart', series: 'metric:1:x:y' }),
    ).toEqual({
      metric: 'heap.used',
      service: 'cart',
      stat: 'avg',
      key: 'metric:1:x:y',
    });
    expect(metricOf(live('cart'))).toMatchObject({ metric: 'clew.duration_ms', stat: 'p95' });
    expect(metricOf({ table: 'service_call_5m', indicator: 'p95_ms', service: 'cart' })).toBeNull();
    expect(metricOf({ indicator: 'alert', service: 'cart' })).toBeNull();
  });
});
