import { ClewError } from '../../lib/index.ts';
import type { EpochMs, TimeWindow } from '../../model/index.ts';
import { seriesName } from '../series-name.ts';
import { isObject, listOf, type RowSink, textOf } from './rows.ts';

/** Series that are asked for; a server has many more than an incident needs. */
const seriesMax = 20_000;
const pointsPerSeries = 600;
const answerMsMax = 60_000;

export interface PrometheusImport {
  /** `http://prometheus:9090`; anything with the same API (Thanos, Mimir, VictoriaMetrics, Clew). */
  url: string;
  window: TimeWindow;
  /** What is read: `{job="node"}`. */
  match: string;
  /** Bearer token, where one is needed. */
  token?: string;
  /** Labels that name the resource, the first one present. */
  resourceLabels?: readonly string[];
}

const resourceLabels = ['service', 'service_name', 'app', 'deployment', 'pod', 'nodename', 'instance', 'job'];

/** Raw series of a running Prometheus, or of one that was started on a snapshot of another's data, by its API. */
export async function importPrometheus(options: PrometheusImport, sink: RowSink): Promise<number> {
  const { window } = options;
  const stepS = Math.max(1, Math.ceil((window.to - window.from) / 1000 / pointsPerSeries));
  const url = new URL(`${options.url.replace(/\/$/, '')}/api/v1/query_range`);
  const ask = {
    query: options.match,
    start: String(window.from / 1000),
    end: String(window.to / 1000),
    step: String(stepS),
  };
  for (const [key, value] of Object.entries(ask)) url.searchParams.set(key, value);
  const series = resultOf(await answerOf(url, options.token));
  if (series.length > seriesMax)
    throw new ClewError(
      'too_large',
      `match: ${series.length} series match ${options.match}; at most ${seriesMax} are read. Name a narrower selector.`,
    );
  for (const one of series) take(one, options.resourceLabels ?? resourceLabels, sink);
  return series.length;
}

async function answerOf(url: URL, token: string | undefined): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(url, {
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(answerMsMax),
    });
  } catch (error) {
    throw new ClewError('unavailable', `${url.origin} can't be reached: ${String(error)}`, { cause: error });
  }
  const text = await response.text();
  if (!response.ok)
    throw new ClewError('unavailable', `${url.origin} answers ${response.status}: ${text.slice(0, 300)}`);
  try {
    return JSON.parse(text);
  } catch {
    throw new ClewError('unavailable', `${url.origin} does not answer as Prometheus does.`);
  }
}

function resultOf(answer: unknown): unknown[] {
  const data = isObject(answer) && isObject(answer.data) ? answer.data : {};
  return listOf(data.result);
}

function take(one: unknown, names: readonly string[], sink: RowSink): void {
  if (!isObject(one) || !isObject(one.metric)) return;
  const { __name__: name, ...labels } = one.metric;
  const owner = names.find((label) => textOf(labels[label]) !== '');
  const rest = Object.entries(labels).filter(([key]) => key !== owner && key !== 'job');
  const metric = seriesName(
    textOf(name),
    Object.fromEntries(rest.map(([key, value]) => [key, textOf(value)])),
  );
  for (const point of listOf(one.values)) {
    const [at, value] = listOf(point);
    const number = Number(value);
    if (typeof at === 'number' && Number.isFinite(number))
      sink.metric(at * 1000, owner === undefined ? '' : textOf(labels[owner]), metric, number);
  }
}

/** `from,to` as ISO times or milliseconds. */
export function windowOf(text: string, flag: string): TimeWindow {
  const [from, to] = text
    .split(',')
    .map((part): EpochMs => (/^\d+$/.test(part) ? Number(part) : Date.parse(part)));
  if (from === undefined || to === undefined || !(from < to))
    throw new ClewError('bad_request', `${flag}: "${text}" is not FROM,TO with FROM before TO (ISO times).`);
  return { from, to };
}
