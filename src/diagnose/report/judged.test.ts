import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readBundleTexts } from '../bundle/index.ts';
import { builtInIndicators, compileIndicators, loadIndicators } from '../indicators/index.ts';
import { measureOfMetric } from '../indicators/rows-requests.ts';
import { answerIn, fullDiagnosis, htmlOf, type LayerAnswer, textOf } from './index.ts';

const indicators = builtInIndicators();
const start = Date.UTC(2026, 2, 3, 10);
const meta = {
  incident_at: new Date(start + 21 * 60_000).toISOString(),
  symptom: { service: 'shop', metric: 'latency_mean_ms' },
};

type Value = (minute: number, bad: boolean) => number;
function metricsOf(rows: Record<string, Value>): string {
  const lines = ['ts,service,metric,value'];
  for (let minute = 0; minute < 30; minute++)
    for (const [name, value] of Object.entries(rows)) {
      const [service, metric] = name.split(' ');
      const ts = new Date(start + minute * 60_000).toISOString();
      lines.push(`${ts},${service},${metric},${value(minute, minute >= 20)}`);
    }
  return lines.join('\n');
}
const wobble = (minute: number): number => 1 + 0.02 * (minute % 3);
const busy = metricsOf({
  'shop latency_mean_ms': (minute, bad) => (bad ? 900 : 40) * wobble(minute),
  'cart latency_mean_ms': (minute, bad) => (bad ? 850 : 20) * wobble(minute),
  'cart cpu_utilization': (minute, bad) => (bad ? 0.95 : 0.3) * wobble(minute),
  'db node_disk_io_time_weighted': (minute) => 3 * wobble(minute),
  'cart tcp_retransmit_ratio': (minute) => 0.001 * wobble(minute),
});
const topology = 'src,dst,relation\nshop,cart,CALLS\n';
const diagnosed = async (files: Record<string, string>, about: object = meta) => {
  const incident = await readBundleTexts(JSON.stringify(about), files);
  return { incident, diagnosis: fullDiagnosis(incident, indicators) };
};
const layer = (layers: readonly LayerAnswer[], name: string) => layers.find((one) => one.layer === name);

describe('every layer answers', () => {
  it('a finding with its figures before and now, and the rows that it was counted from', async () => {
    const { answer } = (await diagnosed({ 'metrics.csv': busy, 'topology.csv': topology })).diagnosis;
    const host = layer(answer.layers, 'host');
    expect(host).toMatchObject({ status: 'finding', excluded: false });
    expect(host?.findings[0]).toMatchObject({
      check: 'cpu_usage',
      resource: 'cart',
      text: 'cart uses 97.1 % of its CPU, normal 30.6 %.',
      cause: 'cpu_saturation',
      evidence: [
        {
          dim: 'metric',
          ref: 'metrics.csv?service=cart&metric=cpu_utilization&from=2026-03-03T10%3A20%3A00.000Z&to=2026-03-03T10%3A29%3A00.000Z',
        },
      ],
    });
  });
  it('what was measured and is as usual excludes its layer; nothing measured excludes none', async () => {
    const { answer } = (await diagnosed({ 'metrics.csv': busy, 'topology.csv': topology })).diagnosis;
    expect(layer(answer.layers, 'network')).toMatchObject({
      status: 'quiet',
      excluded: true,
      text: 'Excluded: 1 checks had data and found all as usual, 1 of them by measured values.',
      quiet: ['retransmissions'],
    });
    expect(layer(answer.layers, 'service')).toMatchObject({ status: 'no_data', excluded: false, quiet: [] });
    expect(layer(answer.layers, 'service')?.no_data).toContain('circuit_breaker');
  });
  it('silent records are an answer, but exclude nothing', async () => {
    const logs = Array.from({ length: 40 }, (_, i) =>
      JSON.stringify({ ts: start + i * 40_000, service: 'cart', severity: 'INFO', body: `sold ${i}` }),
    ).join('\n');
    const { answer } = (await diagnosed({ 'logs.ndjson': logs })).diagnosis;
    expect(layer(answer.layers, 'network')).toMatchObject({ status: 'quiet', excluded: false });
    expect(layer(answer.layers, 'network')?.text).toMatch(/^Nothing of it was measured; no record/);
  });
  it('an empty incident has no data in any layer', async () => {
    const { answer } = (await diagnosed({})).diagnosis;
    expect(answer.layers.map(({ status }) => status)).toEqual(Array(5).fill('no_data'));
    expect(answer.layers.flatMap((one) => one.no_data).length).toBe(indicators.length);
  });
  it('checks without data that would decide about the likeliest causes are named', async () => {
    const errors = metricsOf({ 'shop error_ratio': (minute, bad) => (bad ? 0.08 : 0.001) * wobble(minute) });
    const { answer } = (
      await diagnosed(
        { 'metrics.csv': errors },
        { ...meta, symptom: { service: 'shop', metric: 'error_ratio' } },
      )
    ).diagnosis;
    expect(answer.causes[0]).toMatchObject({ resource: 'shop', kind: 'error_burst' });
    if ((answer.causes[0]?.score ?? 0) < 0.9)
      expect(answer.missing.join('\n')).toMatch(/To tell whether it is error burst at shop: .*Exceptions/);
    else expect(answer.missing).toEqual([]);
  });
});

it('the same rows get the same report to the byte, in both languages and forms', async () => {
  const once = await diagnosed({ 'metrics.csv': busy, 'topology.csv': topology });
  const again = await diagnosed({ 'metrics.csv': busy, 'topology.csv': topology });
  for (const language of ['en', 'zh'] as const) {
    expect(textOf(once.diagnosis.answer, language)).toBe(textOf(again.diagnosis.answer, language));
    expect(htmlOf(once.incident, once.diagnosis, language)).toBe(
      htmlOf(again.incident, again.diagnosis, language),
    );
  }
  expect(htmlOf(once.incident, once.diagnosis, 'en')).toContain('<ol class="strip">');
  expect(textOf(once.diagnosis.answer, 'zh')).toContain('cart CPU 使用率 97.1 %，平时 30.6 %。');
  expect(answerIn('zh', once.diagnosis.answer).causes[0]?.reasons[0]).toMatch(/平时为/);
});

it('the file that is quick to read holds the checks of the catalogue', () => {
  const catalog = join(import.meta.dirname, '../../../catalog');
  expect(compileIndicators(indicators)).toBe(compileIndicators(loadIndicators([catalog])));
});

describe('a metric is a figure of requests when its name says so and no more', () => {
  it.each([
    ['latency_mean_ms', 'request.duration_mean_ms'],
    ['latency_Average', 'request.duration_mean_ms'],
    ['PodServerLatencyP95(s)', 'request.duration_p95_ms'],
    ['http_5xx_ratio', 'request.server_error_ratio'],
    ['error_ratio', 'request.error_ratio'],
    ['PodSuccessRate(%)', 'request.success_ratio'],
    ['requests_per_second', 'request.rate'],
    ['request_rate', 'request.rate'],
    ['PodClientLatencyP95(s)', null],
    ['context_build_error_ratio', null],
    ['requests_Sum', null],
    ['errors_total', null],
    ['cache_latency_p95_ms', null],
    ['latency_p90', null],
  ])('%s: %s', (metric, measure) => expect(measureOfMetric(metric)).toBe(measure));
});
