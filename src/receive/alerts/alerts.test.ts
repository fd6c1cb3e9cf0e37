import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RecordError } from '../json.ts';
import { fingerprintOf, readAlert, severityWord } from './alert.ts';
import { AlertBook } from './book.ts';
import { resourceOfLabels, serviceOfLabels } from './service.ts';

/** Set to repeat a run; fast-check prints the seed of a failure as well. */
const seed = 20_261_120;
const nowMs = Date.UTC(2026, 0, 2);
const defaults = { nowMs, holdMs: 300_000, openCases: ['critical'] };
const iso = (offset: number) => new Date(nowMs + offset).toISOString();
const labels = { alertname: 'Down', job: 'till', severity: 'critical' };

describe('an alert', () => {
  it('without times began now and fires until nothing more is heard', () => {
    expect(readAlert({ labels, annotations: { summary: 's' } }, defaults)).toMatchObject({
      firing: true,
      startsAt: nowMs,
      endsAt: nowMs + 300_000,
      service: 'till',
      severity: 'ERROR',
      opensCase: true,
      summary: 's',
    });
  });

  it('whose end lies behind us is resolved, one whose end lies ahead fires until then', () => {
    expect(readAlert({ labels, startsAt: iso(-60_000), endsAt: iso(-1_000) }, defaults)).toMatchObject({
      firing: false,
      endsAt: nowMs - 1_000,
    });
    expect(readAlert({ labels, startsAt: iso(-60_000), endsAt: iso(240_000) }, defaults)).toMatchObject({
      firing: true,
      endsAt: nowMs + 240_000,
    });
  });

  it("of a webhook says its state itself; Go's zero time is no end", () => {
    const zero = '0001-01-01T00:00:00Z';
    expect(readAlert({ status: 'firing', labels, endsAt: zero }, defaults)).toMatchObject({
      firing: true,
      endsAt: nowMs + 300_000,
    });
    expect(
      readAlert({ status: 'resolved', labels, startsAt: iso(-5_000), endsAt: iso(-2_000) }, defaults),
    ).toMatchObject({ firing: false, endsAt: nowMs - 2_000 });
  });

  const bad: [string, unknown, string][] = [
    ['a text', 'x', 'it is "x", an alert is needed'],
    ['no labels', {}, 'at least one label pair required'],
    ['only empty labels', { labels: { a: '' } }, 'at least one label pair required'],
    ['labels as list', { labels: [] }, 'labels is an array, an object is needed'],
    ['a number as label', { labels: { a: 1 } }, 'labels.a is 1, a string is needed'],
    ['a bad label name', { labels: { 'a-b': 'x' } }, 'invalid label set: invalid name "a-b"'],
    ['a bad time', { labels, startsAt: 'now' }, 'startsAt is "now", an RFC 3339 time is needed'],
    [
      'an end before the start',
      { labels, startsAt: iso(0), endsAt: iso(-1) },
      'start time must be before end time',
    ],
    ['a strange status', { labels, status: 'maybe' }, 'status is "maybe", "firing" or "resolved" is needed'],
    [
      'too many labels',
      { labels: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`a${i}`, 'x'])) },
      'labels has 65 entries, the limit is 64',
    ],
    [
      'a long value',
      { labels: { a: 'x'.repeat(16_385) } },
      'labels.a has 16385 characters, the limit is 16384',
    ],
  ];
  it.each(bad)('that is %s is refused', (_name, value, message) => {
    expect(() => readAlert(value, defaults)).toThrow(RecordError);
    expect(() => readAlert(value, defaults)).toThrow(message);
  });

  const words: [string, string][] = [
    ['critical', 'critical'],
    ['Page', 'critical'],
    ['warning', 'warning'],
    ['none', 'info'],
    ['', 'warn'],
    ['strange', 'warn'],
  ];
  it.each(words)('of severity %j is %s', (label, word) => expect(severityWord(label)).toBe(word));
});

it('the fingerprint is the FNV-1a that Alertmanager shows, whatever the order of the labels', () => {
  expect(fingerprintOf({})).toBe('cbf29ce484222325');
  // As Alertmanager 0.25 answered.
  expect(fingerprintOf({ alertname: 'Slow', service: 'till', severity: 'warning' })).toBe('4d378a48ee796c9e');
  expect(fingerprintOf({ b: '2', a: '1' })).toBe(fingerprintOf({ a: '1', b: '2' }));
  expect(fingerprintOf({ a: '12' })).not.toBe(fingerprintOf({ a: '1' }));
});

describe('what an alert is about', () => {
  const table: [Record<string, string>, string][] = [
    [{ service: 'shop', job: 'x' }, 'shop'],
    [{ service: 'prom-kube-state-metrics', job: 'kube-state-metrics', deployment: 'checkout' }, 'checkout'],
    [{ job: 'kube-state-metrics', pod: 'checkout-7d9f8b6c54-x2kqz', namespace: 'shop' }, 'checkout'],
    [{ app: 'till', pod: 'p' }, 'till'],
    [{ job: 'till', instance: 'h:80' }, 'till'],
    [{ job: 'node-exporter', instance: 'h:9100' }, 'h:9100'],
    [{ job_name: 'nightly', job: 'kube-state-metrics' }, 'nightly'],
    [{ namespace: 'shop' }, 'shop'],
    [{}, ''],
  ];
  it.each(table)('%j is %s', (given, service) => expect(serviceOfLabels(given)).toBe(service));
  it('its labels become resource attributes under their standard names', () => {
    expect(
      Object.fromEntries(
        resourceOfLabels('checkout', { pod: 'checkout-7d9f8b6c54-x2kqz', namespace: 'shop' }),
      ),
    ).toEqual({
      'service.name': 'checkout',
      'k8s.namespace.name': 'shop',
      'k8s.pod.name': 'checkout-7d9f8b6c54-x2kqz',
      'k8s.replicaset.name': 'checkout-7d9f8b6c54',
      'k8s.deployment.name': 'checkout',
    });
  });
});

describe('the book', () => {
  const alert = (over: object = {}) => readAlert({ labels, startsAt: iso(-1_000), ...over }, defaults);
  it('finds only beginnings and ends new', () => {
    const book = new AlertBook();
    const tell = (given: ReturnType<typeof alert>[], at = nowMs) => {
      const news = book.news('t', given, at);
      book.keep('t', given, at);
      return news.length;
    };
    expect(tell([alert(), alert()])).toBe(1);
    expect(tell([alert()])).toBe(0);
    expect(book.firing('t', nowMs)).toHaveLength(1);
    expect(book.firing('other', nowMs)).toHaveLength(0);
    expect(tell([alert({ endsAt: iso(-500) })])).toBe(1);
    expect(tell([alert({ endsAt: iso(-500) })])).toBe(0);
    expect(book.firing('t', nowMs)).toHaveLength(0);
    expect(tell([alert()])).toBe(1);
    expect(tell([alert()], nowMs + 600_000), 'its time was over').toBe(1);
  });
  it('is bounded', () => {
    const book = new AlertBook();
    const many = Array.from({ length: 10_050 }, (_, index) =>
      readAlert({ labels: { i: String(index) } }, defaults),
    );
    book.keep('t', many, nowMs);
    expect(book.firing('t', nowMs)).toHaveLength(10_000);
  });
});

describe('fuzz', () => {
  const value = fc.oneof(
    { depthSize: 'small' },
    fc.jsonValue(),
    fc.constantFrom(labels, {}, 'firing', iso(0), iso(-9), '0001-01-01T00:00:00Z', '9999-12-31T23:59:59Z'),
  );
  const alerts = fc.oneof(
    fc.jsonValue(),
    fc.record(
      {
        labels: value,
        annotations: value,
        startsAt: value,
        endsAt: value,
        status: value,
        generatorURL: value,
      },
      { requiredKeys: [] },
    ),
  );
  const neverBreaks = (read: (given: unknown) => void) =>
    fc.property(alerts, (given) => {
      try {
        read(given);
      } catch (error) {
        if (!(error instanceof RecordError)) throw error;
      }
    });
  it('any JSON is an alert with whole numbers for times, or a typed error', () => {
    const read = (given: unknown) => {
      const { startsAt, endsAt } = readAlert(given, defaults);
      expect(Number.isFinite(startsAt) && Number.isFinite(endsAt) && startsAt <= nowMs).toBe(true);
      new Date(endsAt).toISOString();
    };
    fc.assert(neverBreaks(read), { seed, numRuns: 2_000 });
  });
  it('the canary, a decoder that breaks, is caught', () => {
    const broken = (given: unknown) => {
      if (readAlert(given, defaults).firing) throw new TypeError('canary');
    };
    expect(fc.check(neverBreaks(broken), { seed, numRuns: 2_000, endOnFailure: true }).failed).toBe(true);
  });
});
