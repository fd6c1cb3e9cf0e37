import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { logFacets, logHistogram, logPatterns, searchLogs } from '../../src/query/index.ts';
import type { LogFilter } from '../../src/query/log-filter.ts';
import type { SqlDetail } from '../support/detail.ts';
import { minute, openKnownSystem, t0, tenant, window } from '../support/known-system.ts';
import { putLogs } from '../support/telemetry.ts';

let detail: SqlDetail;

beforeAll(async () => {
  detail = await openKnownSystem();
});

afterAll(() => detail.close());

const bodies = async (filter: LogFilter, limit = 100) =>
  (await searchLogs(detail, tenant, window, filter, { limit })).rows.map((row) => row.body);

describe('logs', () => {
  test('come newest first, within the window (its end excluded) and of the tenant only', async () => {
    expect(await bodies({})).toEqual([
      'no severity was set',
      "it's slow \\ very_slow",
      'Zahlung für Müller abgelehnt',
      'Card DECLINED: 100% of "limit" used',
      'cart of user 18 loaded',
      'cart of user 17 loaded',
    ]);
  });

  test('pages by cursor give every record exactly once, also where timestamps are equal', async () => {
    const seen: string[] = [];
    let cursor: string | undefined;
    for (let pages = 0; pages < 10; pages++) {
      const page = await searchLogs(detail, tenant, window, {}, { limit: 1, cursor });
      seen.push(...page.rows.map((row) => row.eventId));
      if (page.cursor === null) break;
      cursor = page.cursor;
    }
    expect(seen).toEqual(['6', '5', '4', '3', '2', '1']);
  });

  test('a row carries its attributes, exact time and severity', async () => {
    const [row] = (await searchLogs(detail, tenant, window, { traceId: 'aa01' }, { limit: 5 })).rows;
    expect(row).toMatchObject({
      eventId: '3',
      at: t0 + 58 * minute,
      atNs: `${t0 + 58 * minute}000000`,
      severity: 'ERROR',
      severityNumber: 17,
      service: 'payments',
      spanId: 'b2',
      shape: '200',
      resource: { 'host.name': 'h1' },
    });
  });

  test.each<[string, string[]]>([
    ['declined', ['Card DECLINED: 100% of "limit" used']],
    ['ecline 100%', ['Card DECLINED: 100% of "limit" used']],
    ['"of user 17"', ['cart of user 17 loaded']],
    ['cart -17', ['cart of user 18 loaded']],
    ['MÜLLER', ['Zahlung für Müller abgelehnt']],
    ['"it\'s slow \\\\"', ["it's slow \\ very_slow"]],
    ['_slow', ["it's slow \\ very_slow"]],
    ['cart declined', []],
  ])('search %s finds substrings in any case, all words needed', async (q, expected) => {
    expect(await bodies({ q })).toEqual(expected);
  });

  test('severities are levels; a record without one reads as INFO', async () => {
    expect(await bodies({ severities: ['ERROR', 'FATAL'] })).toHaveLength(2);
    expect(await bodies({ severities: ['INFO'] })).toContain('no severity was set');
  });

  test('attributes of the record and of its resource include and exclude', async () => {
    const attribute = (key: string, value: string, exclude = false) => ({
      attributes: [{ key, value, exclude }],
    });
    expect(await bodies(attribute('user.id', '17'))).toEqual(['cart of user 17 loaded']);
    expect(await bodies(attribute('host.name', 'h2'))).toEqual(['Zahlung für Müller abgelehnt']);
    expect(await bodies(attribute('host.name', 'h2', true))).toHaveLength(5);
    expect(await bodies(attribute('empty', ''))).toEqual(["it's slow \\ very_slow"]);
  });

  test('services exclude, shapes select, no shape selects nothing', async () => {
    expect(await bodies({ servicesExcluded: ['gateway', 'payments'] })).toHaveLength(2);
    expect(await bodies({ shapes: ['200', '300'] })).toHaveLength(2);
    expect(await bodies({ shapes: [] })).toEqual([]);
  });

  test('a cursor that is not ours is refused', async () => {
    const page = searchLogs(detail, tenant, window, {}, { limit: 1, cursor: 'abc' });
    await expect(page).rejects.toThrow(/cursor is not one of ours/);
    const huge = Buffer.from('9999999999999999999.1').toString('base64url');
    await expect(searchLogs(detail, tenant, window, {}, { limit: 1, cursor: huge })).rejects.toThrow(
      /cursor/,
    );
  });

  test('the histogram counts every record once, by severity, in buckets that cover the window', async () => {
    const counts = await logHistogram(detail, tenant, window, {}, 60);
    expect(counts.stepMs).toBe(minute);
    expect(counts.at).toHaveLength(60);
    expect(Object.keys(counts.series)).toEqual(['FATAL', 'ERROR', 'WARN', 'INFO']);
    expect(counts.series.INFO?.[1]).toBe(1);
    expect(counts.series.ERROR?.[58]).toBe(1);
    expect(
      Object.values(counts.series)
        .flat()
        .reduce((a, b) => a + b),
    ).toBe(6);
    expect(counts.statistics.rows_read).toBeGreaterThan(0);
  });

  test('facets count services, severities and attribute values', async () => {
    const { facets, sampledEvery } = await logFacets(detail, tenant, window, {});
    const byKey = new Map(facets.map((facet) => [facet.key, facet.values]));
    expect(sampledEvery).toBe(1);
    expect(byKey.get('service')).toContainEqual({ value: 'cart', count: 2 });
    expect(byKey.get('severity')).toContainEqual({ value: 'INFO', count: 3 });
    expect(byKey.get('host.name')).toEqual(
      expect.arrayContaining([
        { value: 'h1', count: 1 },
        { value: 'h2', count: 1 },
      ]),
    );
  });

  test('patterns group by shape, join templates, merge shapes of one template and say what is new', async () => {
    const templatesOf = async () =>
      new Map([
        ['200', { id: '9', template: 'payment refused' }],
        ['300', { id: '9', template: 'payment refused' }],
      ]);
    const { patterns } = await logPatterns(detail, tenant, window, {}, { templatesOf });
    const byId = new Map(patterns.map((pattern) => [pattern.patternId, pattern]));
    expect(byId.get('9')).toMatchObject({
      template: 'payment refused',
      count: 2,
      errorCount: 2,
      severity: 'FATAL',
      isNew: true,
    });
    expect(byId.get('s100')).toMatchObject({
      template: 'cart of user <*> loaded',
      count: 2,
      errorCount: 0,
      isNew: false,
      firstSeen: t0 + minute,
      lastSeen: t0 + 20 * minute,
    });
    expect(byId.get('s100')?.spark.reduce((a, b) => a + b)).toBe(2);
  });

  test('on a store that just began to fill, what comes after the first minute is new, known template or not', async () => {
    const log = (at: number, shape: string, eventId: number) => ({
      tenant: 'young',
      at,
      service: 'till',
      body: 'x',
      shape,
      eventId,
    });
    await putLogs(detail, [
      log(t0 + 10 * minute, '1', 1),
      log(t0 + 10 * minute + 5_000, '2', 2),
      log(t0 + 12 * minute, '1', 3),
      log(t0 + 12 * minute, '3', 4),
      log(t0 + 12 * minute, '4', 5),
    ]);
    const templatesOf = async () =>
      new Map(
        [
          ['1', '2', '3'].map(
            (shape) => [shape, { id: shape, template: shape, firstSeen: t0 + 10 * minute }] as const,
          ),
        ].flat(),
      );
    const { patterns } = await logPatterns(detail, 'young', window, {}, { templatesOf });
    expect(
      patterns
        .filter((pattern) => pattern.isNew)
        .map((pattern) => pattern.patternId)
        .sort(),
    ).toEqual(['3', 's4']);
  });
});
