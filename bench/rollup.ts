/**
 * `clew bench rollup`: how long the window job takes, from details in the engine to rows in the ledger, and how much memory
 * it takes on top. The job and both embedded engines as they are; only the details are made by SQL instead of received.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DetailStore } from '../src/detail/contract.ts';
import { openEngine } from '../src/detail/engine.ts';
import { migrate } from '../src/detail/migrate.ts';
import { runDerive, runNamed } from '../src/detail/query.ts';
import type { Ledger } from '../src/ledger/index.ts';
import { openLedger } from '../src/ledger/index.ts';
import { createLogger, systemClock } from '../src/lib/index.ts';
import { ooAgg } from '../src/rollup/index.ts';

export interface RollupBenchOptions {
  /** Where the stores are made; they are removed afterwards. */
  tempDir?: string;
  /** The window of ten million rows, which takes a minute and a gigabyte of disk. */
  large: boolean;
}

interface Load {
  name: string;
  logs: number;
  spans: number;
  points: number;
  /** Windows that are timed, after the first. */
  windows: number;
  /** What it must stay below. */
  msMax: number;
  mbMax?: number;
}

const loads: readonly Load[] = [
  { name: 'a quiet minute', logs: 5_000, spans: 1_000, points: 500, windows: 20, msMax: 300 },
  { name: 'a busy minute', logs: 100_000, spans: 20_000, points: 0, windows: 5, msMax: 2_000, mbMax: 200 },
];
const large: Load = {
  name: 'ten million rows',
  logs: 7_500_000,
  spans: 2_000_000,
  points: 500_000,
  windows: 1,
  msMax: 60_000,
};

const noonS = Date.UTC(2026, 10, 20, 12) / 1_000;
const minuteMs = 60_000;
const limits = { timeMsMax: 30_000, bytesReadMax: 8_589_934_592, rowsResultMax: 100_000 };

/** Four spans a journey: a server, its client span, the server that answers it, a database; 50 services, 300 log shapes. */
const statements = (load: Load, minute: number): string[] => {
  const start = noonS + minute * 60;
  const at = (rows: number) =>
    `toDateTime64(${start}, 9, 'UTC') + toIntervalNanosecond(intDiv(number * 60000000000, ${Math.max(1, rows)}))`;
  const trace = `lower(hex(sipHash128(intDiv(number, 4), ${minute})))`;
  const id = (n: string) => `lower(hex(sipHash64(${n}, ${minute})))`;
  const series = Math.min(10_000, Math.ceil(load.points / 4));
  return [
    `INSERT INTO otel_traces (Tenant, Timestamp, TraceId, SpanId, ParentSpanId, SpanName, SpanKind, ServiceName, ResourceAttributes, SpanAttributes, Duration, StatusCode, EventId)
     SELECT 'bench', ${at(load.spans)}, ${trace}, ${id('number')}, if(number % 4 = 0, '', ${id('number - 1')}),
       concat('op', toString(number % 20)), ['Server', 'Client', 'Server', 'Client'][1 + number % 4],
       concat('svc', toString(if(number % 4 < 2, intDiv(number, 4) % 50, intDiv(number, 4) * 7 % 50))),
       map('service.version', '1.0', 'deployment.environment', 'prod', 'k8s.namespace.name', 'shop'),
       if(number % 4 = 3, map('db.system', 'postgresql', 'db.namespace', 'shop', 'server.address', 'db1', 'server.port', '5432', 'db.statement', 'select 1'),
         map('http.request.method', 'GET', 'url.full', concat('http://svc', toString(intDiv(number, 4) * 7 % 50), ':8080/a/b/c'), 'http.response.status_code', '200')),
       1000000 + sipHash64(number, 1) % 200000000, if(number % 97 = 0, 'Error', 'Unset'), number FROM numbers(${load.spans})`,
    `INSERT INTO otel_logs (Tenant, Timestamp, SeverityNumber, ServiceName, Body, ResourceAttributes, LogAttributes, Shape, EventId)
     SELECT 'bench', ${at(load.logs)}, if(number % 50 = 0, 17, 9), concat('svc', toString(number % 50)),
       concat('request ', toString(number), ' of user ', toString(number % 1000), ' took ', toString(number % 77), ' ms in step', toString(number % 300)),
       map('service.version', '1.0'), map('order.id', toString(number % 5000)), sipHash64(number % 300), number FROM numbers(${load.logs})`,
    `INSERT INTO metric_series (Tenant, SeriesId, MetricName, MetricType, Temporality, IsMonotonic, ServiceName, Attributes, LastSeen)
     SELECT 'bench', number, concat('m', toString(number % 20)), if(number % 2 = 0, 'sum', 'gauge'), if(number % 2 = 0, 'cumulative', ''),
       number % 2 = 0, concat('svc', toString(number % 50)), map('pool', toString(number)), toDateTime64(${start}, 3, 'UTC') FROM numbers(${series})`,
    `INSERT INTO metric_samples (Tenant, SeriesId, MetricName, ServiceName, Timestamp, Value, EventId)
     SELECT 'bench', number % ${Math.max(1, series)} AS s, concat('m', toString(s % 20)), concat('svc', toString(s % 50)),
       toDateTime64(${start}, 3, 'UTC') + toIntervalMillisecond(intDiv(number * 60000, ${Math.max(1, load.points)})), number, number FROM numbers(${load.points})`,
  ];
};

interface Measured {
  ms: number[];
  mb: number;
  rows: number;
}

const megabytes = (bytes: number): number => bytes / 1e6;

async function measure(load: Load, engine: ReturnType<typeof openEngine>, ledger: Ledger): Promise<Measured> {
  const detail = {
    query: (query) => runNamed(engine, systemClock, limits, query),
    derive: (query) => runDerive(engine, systemClock, limits, query),
  } satisfies Pick<DetailStore, 'query' | 'derive'> as DetailStore;
  const config = { delayS: 120, alignS: 60, initialLookbackS: 300 };
  const job = ooAgg({ ledger, detail, clock: systemClock, config });
  const tenant = { code: 'bench', id: await ledger.tenantId('bench') };
  const window = async (minute: number) => {
    const from = noonS * 1_000 + minute * minuteMs;
    const started = systemClock.monotonic();
    const result = await job.run({
      tenant,
      window: { from, to: from + minuteMs },
      completeTo: from + minuteMs,
      signal: new AbortController().signal,
      commit: (work) => ledger.transaction(work),
    });
    return { ms: systemClock.monotonic() - started, rows: result.rowsRead };
  };
  const first = await inserted(engine, load, 0).then(() => window(0));
  let highest = process.memoryUsage.rss();
  const before = load.windows > 1 ? highest : 0;
  const measured: Measured = { ms: load.windows > 1 ? [] : [first.ms], mb: 0, rows: first.rows };
  for (let minute = 1; load.windows > 1 && minute <= load.windows; minute++) {
    await inserted(engine, load, minute);
    measured.ms.push((await window(minute)).ms);
    highest = Math.max(highest, process.memoryUsage.rss());
  }
  measured.mb = before === 0 ? megabytes(highest) : megabytes(highest - before);
  return measured;
}

async function inserted(engine: ReturnType<typeof openEngine>, load: Load, minute: number): Promise<void> {
  for (const statement of statements(load, minute)) await engine.run('insert', statement);
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** Prints one line a load; answers whether all stayed within their bounds. */
export async function benchRollup(
  options: RollupBenchOptions,
  out: (text: string) => void,
): Promise<boolean> {
  let good = true;
  for (const load of options.large ? [...loads, large] : loads) {
    const directory = mkdtempSync(join(options.tempDir ?? tmpdir(), 'clew-bench-rollup-'));
    const engine = openEngine(join(directory, 'engine'));
    try {
      await migrate(engine);
      const log = createLogger({ level: 'silent' });
      const ledger = await openLedger({ dir: 'memory://', clock: systemClock, log });
      const { ms, mb, rows } = await measure(load, engine, ledger);
      await ledger.close();
      const middle = median(ms);
      const within = middle < load.msMax && mb < (load.mbMax ?? Number.POSITIVE_INFINITY);
      good &&= within;
      out(
        `${load.name} (${rows} rows): ${Math.round(middle)} ms a window (median of ${ms.length}, bound ${load.msMax}), ` +
          `${Math.round(mb)} MB ${load.windows > 1 ? 'more' : 'in all'}${load.mbMax === undefined ? '' : ` (bound ${load.mbMax})`}${within ? '' : '  ← beyond its bound'}\n`,
      );
    } finally {
      await engine.close();
      rmSync(directory, { recursive: true, force: true });
    }
  }
  return good;
}
