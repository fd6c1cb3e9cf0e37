import { afterAll, beforeAll, expect, test } from 'vitest';
import { changesQuery } from '../../src/query/changes.ts';
import { attributeFacetsQuery, mainFacetsQuery } from '../../src/query/facets.ts';
import { histogramQuery } from '../../src/query/histogram.ts';
import type { LogFilter } from '../../src/query/log-filter.ts';
import { knownShapesQuery, samplesQuery, shapesQuery } from '../../src/query/log-patterns.ts';
import { logsQuery } from '../../src/query/logs.ts';
import { rowFilterQuery } from '../../src/query/row-filter.ts';
import { serviceLogsQuery, serviceSpansQuery } from '../../src/query/services.ts';
import { traceQuery } from '../../src/query/trace.ts';
import { traceIdsQuery, traceSummariesQuery } from '../../src/query/traces.ts';
import { bucketsOf } from '../../src/query/window.ts';
import type { SqlDetail } from '../support/detail.ts';
import { openKnownSystem, tenant, window } from '../support/known-system.ts';

let detail: SqlDetail;

beforeAll(async () => {
  detail = await openKnownSystem();
});

afterAll(() => detail.close());

test('the text of every query is as reviewed, and the engine takes it', async () => {
  const filter: LogFilter = {
    services: ['cart'],
    servicesExcluded: ['gateway'],
    severities: ['ERROR', 'FATAL'],
    q: 'declined -"für alle"',
    traceId: 'aa01',
    shapes: ['200'],
    attributes: [
      { key: "it's", value: 'v', exclude: false },
      { key: 'k', value: '', exclude: true },
    ],
  };
  const buckets = bucketsOf(window, 60);
  const queries = [
    logsQuery(tenant, window, {}, 200, null),
    logsQuery(tenant, window, filter, 200, { atNs: '1', eventId: '2' }),
    histogramQuery(tenant, window, filter, buckets),
    mainFacetsQuery(tenant, window, {}),
    attributeFacetsQuery(tenant, window, {}, 7),
    shapesQuery(tenant, window, {}, buckets),
    samplesQuery(tenant, window, [{ shape: '1', sample_id: '2' }]),
    knownShapesQuery(tenant, window, ['cart']),
    traceIdsQuery(
      tenant,
      window,
      { services: ['cart'], operation: 'GET', status: 'error', minMs: 5, maxMs: 9 },
      100,
    ),
    traceIdsQuery(
      tenant,
      window,
      { status: 'error', minMs: 5, attributes: [{ key: 'k', value: 'v', exclude: false }] },
      100,
    ),
    traceIdsQuery(tenant, window, { status: 'ok' }, 100),
    traceSummariesQuery(tenant, window, ['aa01']),
    traceQuery(tenant, window, 'aa01'),
    serviceSpansQuery(tenant, window, buckets),
    serviceLogsQuery(tenant, window),
    changesQuery(tenant, window, ['cart']),
    rowFilterQuery(
      tenant,
      { dataset: 'metric_series', window, equals: { MetricName: 'm', 'Attributes.k': 'v', SeriesId: '1' } },
      20,
    ),
  ];
  for (const query of queries) {
    expect({ sql: query.sql, params: query.params }).toMatchSnapshot(query.name);
    await expect(detail.query(query), query.name).resolves.toBeDefined();
  }
});

test('no text of a user ever stands in the SQL', async () => {
  const evil = "x') OR 1=1 --";
  const query = logsQuery(
    tenant,
    window,
    {
      services: [evil],
      q: `"${evil}"`,
      traceId: evil,
      attributes: [{ key: evil, value: evil, exclude: false }],
    },
    10,
    null,
  );
  expect(query.sql).not.toContain('1=1');
  expect((await detail.query(query)).rows).toEqual([]);
});
