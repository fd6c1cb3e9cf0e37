/** Live scenarios by the engine of files: every sentence of the report is followed to the rows of the stores, and counted again. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fullDiagnosis, loadIndicators, readIncident } from '../../src/diagnose/index.ts';
import { parseReference } from '../../src/diagnose/rank/reference.ts';
import { Tracer } from '../support/trace-report.ts';
import { Generator } from './generate.ts';
import { parseScenario } from './script.ts';
import { openTestStore, type TestStore } from './store.ts';

const start = Date.UTC(2026, 2, 3, 10, 0, 0);
const indicators = loadIndicators([join(import.meta.dirname, '../../catalog')]);

let store: TestStore;
beforeAll(async () => {
  store = await openTestStore();
});
afterAll(() => store.close());

/** Series that are counted from requests, and have no metric of their own. */
const counted = /^(request_rate|error_ratio|latency_)/;

/** The rows of the stores behind a reference, by SQL of its own. */
function finder(tenant: string) {
  return async (ref: string): Promise<readonly unknown[]> => {
    const { file, where } = parseReference(ref);
    const { from = '1970-01-01T00:00:00Z', to = '2100-01-01T00:00:00Z' } = where;
    const window = { from: Date.parse(from), to: Date.parse(to) + 1 };
    const ask = async (
      table: string,
      conditions: string,
      params: Record<string, string>,
      time = 'Timestamp',
    ) => {
      const { rows } = await store.query<{ found: number }>({
        name: 'test.report_rows',
        tenant,
        window,
        sql: `SELECT 1 AS found FROM ${table} WHERE Tenant = {tenant:String} AND ${time} >= {from:DateTime64(3)} AND ${time} < {to:DateTime64(3)} AND ${conditions} LIMIT 100`,
        params,
      });
      return rows;
    };
    const {
      service = '',
      metric = '',
      name = '',
      trace_id: trace = '',
      contains = '',
      matches = '',
      id = '',
    } = where;
    const ofSpans = `({name:String} = '' OR SpanName = {name:String}) AND ({trace:String} = '' OR TraceId = {trace:String})`;
    if (file === 'events') return ask('change_events', `Id = {id:String}`, { id });
    if (file === 'logs')
      return ask(
        'otel_logs',
        `ServiceName = {service:String} AND position(replaceRegexpAll(Body, '\\\\s+', ' '), {contains:String}) > 0 AND match(Body, {matches:String})`,
        { service, contains, matches: `(?i)${matches}` },
      );
    if (file === 'metrics' && !counted.test(metric))
      return ask('metric_samples', `ServiceName = {service:String} AND MetricName = {metric:String}`, {
        service,
        metric: metric.replace(/\{.*$/, ''),
      });
    const own = await ask('otel_traces', `ServiceName = {service:String} AND ${ofSpans}`, {
      service,
      name,
      trace,
    });
    if (own.length > 0) return own;
    // A database or a provider tells nothing of itself: its callers name it.
    return ask(
      'otel_traces',
      `arrayExists(value -> position(value, {service:String}) > 0, mapValues(SpanAttributes)) AND ${ofSpans}`,
      { service, name, trace },
    );
  };
}

it.each(['slow-query', 'bad-release'])(
  'every sentence about the stored incident %s is what its rows say',
  async (file) => {
    const scenario = parseScenario(
      readFileSync(join(import.meta.dirname, 'diagnose', `${file}.txt`), 'utf8'),
    );
    const telemetry = new Generator(scenario, { tenant: file, start, seed: 7 }).run();
    for (const [table, rows] of Object.entries(telemetry)) await store.insert(table, rows);
    const onset = start + scenario.warmS * 1000;
    const incident = await readIncident(
      { store, edges: async () => [] },
      {
        tenant: file,
        at: onset,
        window: { from: onset, to: onset + scenario.faultS * 1000 },
        baseline: { from: start, to: onset },
        symptom: null,
      },
    );
    const { answer } = fullDiagnosis(incident, indicators);
    expect(answer.verdict).toBe('root_cause');
    const { problems, sentences } = await new Tracer(finder(file), incident, answer, indicators).trace();
    expect(problems).toEqual([]);
    expect(sentences).toBeGreaterThan(30);
  },
  120_000,
);
