/** Chapter 6.5: metrics are complete and true, a fault raises an alert, and the way from it to the raw records is short. */
import { workloads } from '../workload/index.ts';
import { parseMetrics, type Sample, sumOf } from './metrics.ts';
import { count, milliseconds, percent } from './plan.ts';
import { newMark } from './routing.ts';
import { logRequest, type Marked, spanRequest } from './senders.ts';
import { readMetrics } from './throughput.ts';
import { sleep, type Trial } from './trial.ts';

const coverageLimit = 0.95;
const alertLimitSeconds = 60;
const findLimitMs = 500;

/** What an operator needs to see, by component. */
export const expectedMetrics: Record<string, readonly string[]> = {
  'receivers and door': [
    'clew_ingest_records_total',
    'clew_ingest_bytes_total',
    'clew_ingest_rejected_total',
    'clew_ingest_refused_total',
    'clew_ingest_dead_lettered_total',
    'clew_ingest_dead_letters_dropped_total',
    'clew_ingest_ack_seconds',
    'clew_ingest_in_flight_bytes',
  ],
  'write-ahead log': [
    'clew_wal_commit_seconds',
    'clew_segment_pending_bytes',
    'clew_segments_replayed_total',
    'clew_segment_torn_bytes_total',
  ],
  'detail store': [
    'clew_segment_rows_total',
    'clew_segment_insert_seconds',
    'clew_segment_insert_failures_total',
    'clew_segments_quarantined_total',
    'clew_query_seconds',
    'clew_query_errors_total',
  ],
  'ledger and jobs': [
    'etl_windows_total',
    'etl_rows_total',
    'etl_retries_total',
    'window_lag_seconds',
    'outbox_pending',
    'outbox_publish_total',
    'inbox_dedup_total',
  ],
  'detection and cases': [
    'clew_detect_tick_seconds',
    'clew_detect_tick_errors_total',
    'clew_detect_signals_active',
    'clew_detect_incidents_open',
    'case_transition_total',
  ],
  process: [
    'process_cpu_seconds_total',
    'process_resident_memory_bytes',
    'clew_event_loop_delay_p99_seconds',
  ],
};

export async function observability(trial: Trial): Promise<void> {
  trial.print('Observability');
  const text = String((await trial.get('/metrics')).body);
  complete(trial, text);
  await counters(trial, parseMetrics(text));
  await components(trial);
  await alert(trial);
}

function complete(trial: Trial, text: string): void {
  const names = Object.values(expectedMetrics).flat();
  const missing = names.filter((name) => !text.includes(`# TYPE ${name} `));
  const share = (names.length - missing.length) / names.length;
  trial.check({
    dimension: 'observability',
    chapter: '6.5',
    criterion: 'metrics are complete',
    limit: `> ${percent(coverageLimit)} of ${names.length}`,
    measured: `${percent(share)}${missing.length === 0 ? '' : `; missing: ${missing.join(', ')}`}`,
    passed: share > coverageLimit,
    how: `Names at /metrics, by component: ${Object.entries(expectedMetrics)
      .map(([part, list]) => `${part} ${list.length}`)
      .join(', ')}.`,
  });
}

/** What the counters grew by during a load, against what the generator counted itself. */
async function counters(trial: Trial, before: readonly Sample[]): Promise<void> {
  const shares = (workloads.mixed ?? []).map((share) => ({ ...share, records: 200 }));
  const load = await trial.load({ shares, seconds: 2, rate: 10_000 });
  const after = await readMetrics(trial);
  const pairs = [
    ['logs', 'logs'],
    ['spans', 'traces'],
    ['samples', 'metrics'],
  ] as const;
  const rows = pairs.map(([signal, label]) => {
    const labels = { signal: label };
    const counted =
      sumOf(after, 'clew_ingest_records_total', labels) - sumOf(before, 'clew_ingest_records_total', labels);
    return { signal, sent: load.acknowledged[signal]?.count ?? 0, counted };
  });
  trial.check({
    dimension: 'observability',
    chapter: '6.5',
    criterion: 'counters tell what happened',
    limit: 'exactly what was acknowledged',
    measured: rows
      .map(({ signal, sent, counted }) => `${signal} ${count(counted)} for ${count(sent)}`)
      .join('; '),
    passed: rows.every(({ sent, counted }) => sent > 0 && counted === sent),
    how: 'Growth of clew_ingest_records_total by signal during a short load against the generator’s own count of acknowledged records.',
  });
}

async function components(trial: Trial): Promise<void> {
  const { body } = await trial.get('/healthz');
  const namespaces =
    (body as { data?: { namespaces?: { namespace: string }[] } }).data?.namespaces?.map(
      ({ namespace }) => namespace,
    ) ?? [];
  const wanted = ['process', 'detail', 'ledger', 'bus', 'rollup'];
  const missing = wanted.filter((name) => !namespaces.includes(name));
  trial.check({
    dimension: 'observability',
    chapter: '6.1',
    criterion: 'every component reports its health',
    limit: wanted.join(', '),
    measured: namespaces.join(', ') || 'nothing',
    passed: missing.length === 0,
    how: 'GET /healthz.',
  });
}

/** A service that answers 20 requests a second, well at first, then failing and slow. */
async function alert(trial: Trial): Promise<void> {
  const service = newMark(trial, 'alert').service;
  const healthy = trial.seconds(60, 20);
  trial.print(`    ${healthy} s of a healthy service, then it fails`);
  for (let second = 0; second < healthy; second++) await oneSecond(trial, service, false);
  const started = performance.now();
  let found: string | undefined;
  let last: Marked | undefined;
  while (found === undefined && performance.now() - started < alertLimitSeconds * 1000) {
    last = await oneSecond(trial, service, true);
    found = await caseOf(trial, service);
  }
  const seconds = (performance.now() - started) / 1000;
  trial.check({
    dimension: 'observability',
    chapter: '6.5',
    criterion: 'a fault raises an alert',
    limit: `a case within ${alertLimitSeconds} s`,
    measured:
      found === undefined ? `none after ${seconds.toFixed(0)} s` : `${seconds.toFixed(1)} s (${found})`,
    passed: found !== undefined,
    how: 'Spans of a service at 20 requests a second; then half of them fail and all take two seconds. From the first failure until /api/v1/case lists a case of that service.',
  });
  if (last !== undefined) await findLog(trial, last);
}

async function oneSecond(trial: Trial, service: string, failing: boolean): Promise<Marked> {
  const started = performance.now();
  const marks = Array.from({ length: 20 }, () => ({ ...newMark(trial, 'alert'), service }));
  const request = {
    resourceSpans: marks.flatMap((mark, at) => {
      const spans = spanRequest(mark).resourceSpans;
      for (const { scopeSpans } of spans)
        for (const span of scopeSpans.flatMap((scope) => scope.spans)) {
          span.endTimeUnixNano = String(mark.nanoseconds + (failing ? 2_000_000_000n : 20_000_000n));
          if (failing && at % 2 === 0) Object.assign(span, { status: { code: 2, message: 'validate' } });
        }
      return spans;
    }),
  };
  await post(trial, '/v1/traces', request);
  const [mark = newMark(trial, 'alert')] = marks;
  if (failing) await post(trial, '/v1/logs', logRequest(mark, `request of ${mark.traceId} failed`));
  await sleep(Math.max(0, 1_000 - (performance.now() - started)));
  return mark;
}

async function post(trial: Trial, path: string, body: unknown): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(trial.server.otlp + path, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  });
  await answer.arrayBuffer();
  if (answer.status !== 200) throw new Error(`${path} answered ${answer.status}`);
}

/** The id of a case that names the service anywhere. */
async function caseOf(trial: Trial, service: string): Promise<string | undefined> {
  const { body } = await trial.get('/api/v1/case?limit=100');
  const cases = (body as { data?: { case_id: string }[] }).data ?? [];
  return cases.find((one) => JSON.stringify(one).includes(service))?.case_id;
}

async function findLog(trial: Trial, mark: Marked): Promise<void> {
  await sleep(2_000);
  const started = performance.now();
  const { status, body } = await trial.get(`/api/v1/logs?trace_id=${mark.traceId}`);
  const elapsed = performance.now() - started;
  const there = status === 200 && JSON.stringify(body).includes(`request of ${mark.traceId} failed`);
  trial.check({
    dimension: 'observability',
    chapter: '6.5',
    criterion: 'from a failed trace to its log line',
    limit: `found in < ${findLimitMs} ms`,
    measured: there ? milliseconds(elapsed) : `not found (status ${status})`,
    passed: there && elapsed < findLimitMs,
    how: 'GET /api/v1/logs?trace_id={id} two seconds after the line was acknowledged.',
  });
}
