import type { TimeWindow } from '../../model/index.ts';
import { around } from './around.ts';
import { nothingStaged, type Source } from './contract.ts';
import { emptyHistograms, noExemplars, seriesOf } from './staged.ts';
import type { Tables } from './tables.ts';

/**
 * Made-up details with a fixed distribution, the same for the same minute: 5 000 logs in 40 shapes (one in fifty an error),
 * 500 metric points of 125 series, 1 000 spans of 250 journeys through five services (one in twenty fails).
 */
export const mockPerMinute = { logs: 5_000, points: 500, spans: 1_000 } as const;

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
const spread = (perMinute: number): string =>
  `toIntervalNanosecond(intDiv(number * 60000000000, ${perMinute}))`;

function mockTables(tenant: string, window: TimeWindow): Tables {
  const { from, to } = around(window);
  const minutes = Math.ceil((to - from) / 60_000);
  const start = `toDateTime64(${from / 1_000}, 9, 'UTC')`;
  const rows = (perMinute: number) => `numbers(${minutes * perMinute})`;
  // A number that belongs to the row's place in time, whichever window it is read for.
  const place = (perMinute: number) => `(number + ${(from / 60_000) * perMinute})`;
  const who = `${quoted(tenant)} AS Tenant`;
  const { logs, points, spans } = mockPerMinute;
  const p = place(spans);
  const sample = `SELECT ${who}, toUInt64(${place(points)} % 125) AS SeriesId,
    concat('mock.metric.', toString(SeriesId % 5)) AS MetricName, concat('mock-', toString(SeriesId % 5)) AS ServiceName,
    CAST(${start} + ${spread(points)}, 'DateTime64(3, \\'UTC\\')') AS Timestamp, CAST(0, 'DateTime64(3, \\'UTC\\')') AS StartTimestamp,
    toFloat64(${place(points)} % 97) AS Value, toUInt8(0) AS Flags, map('pool', toString(SeriesId)) AS Attributes,
    'gauge' AS MetricType, '' AS Temporality, toUInt8(0) AS IsMonotonic FROM ${rows(points)}`;
  return {
    logs: `(SELECT ${who}, ${start} + ${spread(logs)} AS Timestamp, concat('mock-', toString(${place(logs)} % 5)) AS ServiceName,
      toUInt8(if(${place(logs)} % 50 = 0, 17, 9)) AS SeverityNumber, toUInt64(1 + ${place(logs)} % 40) AS Shape, toUInt64(number) AS EventId,
      concat('step ', ['read', 'write', 'send', 'wait', 'sort', 'join', 'load', 'save'][1 + ${place(logs)} % 8], ' of kind k', toString(${place(logs)} % 40),
        ' took ', toString(${place(logs)} % 900), ' ms') AS Body, map('order', toString(${place(logs)})) AS LogAttributes FROM ${rows(logs)})`,
    traces: `(SELECT ${who}, ${start} + ${spread(spans)} AS Timestamp, lower(hex(sipHash128(intDiv(${p}, 4)))) AS TraceId,
      lower(hex(sipHash64(${p}))) AS SpanId, if(${p} % 4 = 0, '', lower(hex(sipHash64(${p} - 1)))) AS ParentSpanId,
      ['Server', 'Client', 'Server', 'Client'][1 + ${p} % 4] AS SpanKind,
      concat('mock-', toString(if(${p} % 4 < 2, 0, 1 + intDiv(${p}, 4) % 4))) AS ServiceName,
      map('service.version', '1.0', 'deployment.environment', 'mock') AS ResourceAttributes,
      if(${p} % 4 = 3, map('db.system', 'postgresql', 'db.namespace', 'mock', 'server.address', 'db'), map('http.request.method', 'GET')) AS SpanAttributes,
      toUInt64(1000000 * (1 + ${p} % 100)) AS Duration, if(intDiv(${p}, 4) % 20 = 0, 'Error', 'Unset') AS StatusCode,
      CAST([], 'Array(String)') AS \`Links.TraceId\`, CAST([], 'Array(String)') AS \`Links.SpanId\`, toUInt64(number) AS EventId FROM ${rows(spans)})`,
    samples: `(${sample})`,
    series: seriesOf(`(${sample})`),
    histograms: emptyHistograms,
    exemplars: noExemplars,
  };
}

export const mockSource: Source = {
  kind: 'mock',
  open: async (tenant, window) => ({ tables: mockTables(tenant, window), release: nothingStaged }),
};
