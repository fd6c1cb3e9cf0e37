/** Chapter 6.3.3: how long the usual questions take, on what the load left behind, and while more comes in. */
import { percentiles } from '../statistics.ts';
import { workloads } from '../workload/index.ts';
import { milliseconds } from './plan.ts';
import type { Trial } from './trial.ts';

const repeats = 20;

interface Question {
  name: string;
  chapter: string;
  limitMs: number;
  ask: (trial: Trial, traceId: string) => Promise<unknown>;
  /** What was asked, for the report. */
  what: string;
}

async function get(trial: Trial, path: string): Promise<unknown> {
  const { status, body } = await trial.get(path);
  if (status !== 200) throw new Error(`${path} answered ${status}: ${JSON.stringify(body).slice(0, 300)}`);
  return body;
}

const questions: readonly Question[] = [
  {
    name: 'trace by id',
    chapter: '6.3.3',
    limitMs: 200,
    ask: (trial, id) => get(trial, `/api/v1/traces/${id}`),
    what: 'GET /api/v1/traces/{id}, another trace each time',
  },
  {
    name: 'error rate by service',
    chapter: '6.3.3',
    limitMs: 1_000,
    ask: (trial) =>
      trial.sql(
        'SELECT ServiceName, countIf(SeverityNumber >= 17) / count() AS rate, count() FROM otel_logs WHERE Timestamp > now() - 300 GROUP BY ServiceName ORDER BY rate DESC',
      ),
    what: 'SQL over the last five minutes of all logs, grouped by service',
  },
  {
    name: 'trace with its logs',
    chapter: '6.3.3',
    limitMs: 1_500,
    ask: (trial, id) =>
      Promise.all([get(trial, `/api/v1/traces/${id}`), get(trial, `/api/v1/logs?trace_id=${id}`)]),
    what: 'GET /api/v1/traces/{id} and /api/v1/logs?trace_id={id}, as the console shows them',
  },
  {
    name: 'join of traces and logs',
    chapter: '6.3.3',
    limitMs: 1_500,
    ask: (trial, id) =>
      trial.sql(
        `SELECT t.ServiceName, t.SpanName, t.Duration, l.Body FROM otel_traces AS t LEFT JOIN (SELECT TraceId, Body FROM otel_logs WHERE TraceId = '${id}') AS l ON l.TraceId = t.TraceId WHERE t.TraceId = '${id}'`,
      ),
    what: 'SQL join of spans and logs of one trace',
  },
  {
    name: 'search in logs',
    chapter: '6.1',
    limitMs: 500,
    ask: (trial) => get(trial, '/api/v1/logs?q=declined&limit=100'),
    what: 'GET /api/v1/logs?q=declined, the newest 100 lines of the last half hour',
  },
];

export async function queries(trial: Trial): Promise<void> {
  trial.print('Queries, nothing else running');
  const ids = await traceIds(trial);
  for (const question of questions) await time(trial, question, ids, '');
  trial.print('Queries while 20 000 records/s come in');
  const shares = (workloads.mixed ?? []).map((share) => ({ ...share, records: 500 }));
  const running = trial.load({ shares, seconds: trial.seconds(30, 10), rate: 20_000 });
  for (const question of questions)
    await time(
      trial,
      { ...question, chapter: '6.6', limitMs: Math.max(500, question.limitMs) },
      ids,
      ' under load',
    );
  await running;
}

/** Traces that have spans and logs, from all over the data. */
async function traceIds(trial: Trial): Promise<string[]> {
  const rows = await trial.sql(
    `SELECT TraceId FROM otel_traces WHERE ScopeName = '${trial.run}' ORDER BY cityHash64(TraceId) LIMIT 1 BY ServiceName LIMIT ${repeats}`,
  );
  const more = await trial.sql(
    `SELECT DISTINCT TraceId FROM otel_traces WHERE ScopeName = '${trial.run}' AND cityHash64(TraceId) % 997 = 3 LIMIT ${repeats}`,
  );
  return [...rows, ...more].map((row) => String(row[0]));
}

async function time(trial: Trial, question: Question, ids: readonly string[], when: string): Promise<void> {
  const times: number[] = [];
  let failure = ids.length === 0 ? 'there is no trace to ask for' : undefined;
  for (let turn = 0; turn < repeats && failure === undefined; turn++) {
    const started = performance.now();
    try {
      await question.ask(trial, ids[turn % ids.length] ?? '');
      times.push(performance.now() - started);
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error);
    }
  }
  const { p50, max } = percentiles(times);
  const p95 = times.toSorted((a, b) => a - b)[Math.ceil(times.length * 0.95) - 1] ?? Number.POSITIVE_INFINITY;
  trial.check({
    dimension: 'queries',
    chapter: question.chapter,
    criterion: `${question.name}${when}`,
    limit: `p95 < ${question.limitMs} ms`,
    measured: failure ?? `${milliseconds(p95)} (p50 ${milliseconds(p50)}, max ${milliseconds(max)})`,
    passed: failure === undefined && p95 < question.limitMs,
    how: `${question.what}; ${repeats} times, one after the other.`,
  });
}
