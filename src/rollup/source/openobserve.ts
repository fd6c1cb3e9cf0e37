import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { DetailStore } from '../../detail/index.ts';
import { ClewError } from '../../lib/index.ts';
import type { TimeWindow } from '../../model/index.ts';
import { around } from './around.ts';
import type { Source } from './contract.ts';
import { type Dataset, literal, stage, theirColumns } from './staged.ts';

export interface OpenObserve {
  /** `https://host:5080`, without `/api`. */
  url: string;
  organization: string;
  user: string;
  password: string;
  /** Streams to read; each metric is a stream of its own. */
  logs: readonly string[];
  traces: readonly string[];
  metrics: readonly string[];
}

/** Rows asked for at once, and of one stream and window; beyond them the window fails rather than being half. */
const pageRows = 10_000;
const rowsMax = 2_000_000;
/** An answer must come within this time, milliseconds. */
const answerMsMax = 60_000;

const answerSchema = z.object({ hits: z.array(z.record(z.string(), z.unknown())), total: z.number() });
type Hit = Record<string, unknown>;

/** Details by OpenObserve's search API, page by page, into files while their window is computed. */
export const openObserveSource = (detail: DetailStore, peer: OpenObserve): Source => ({
  kind: 'openobserve',
  open: (tenant, window) =>
    stage(detail, tenant, window, async (directory) => {
      const files = { logs: '', traces: '', metrics: '' };
      for (const dataset of ['logs', 'traces', 'metrics'] as const) {
        const file = join(directory, `${dataset}.ndjson`);
        await writeFile(file, '');
        for (const stream of peer[dataset]) await fetchStream(peer, dataset, stream, around(window), file);
        files[dataset] = `file(${literal(file)}, 'JSONEachRow', ${literal(theirColumns[dataset])})`;
      }
      return files;
    }),
});

async function fetchStream(
  peer: OpenObserve,
  dataset: Dataset,
  stream: string,
  window: TimeWindow,
  file: string,
): Promise<void> {
  for (let from = 0; ; from += pageRows) {
    const { hits, total } = await fetchPage(peer, dataset, stream, window, from);
    if (total > rowsMax)
      throw new ClewError(
        'too_large',
        `Stream ${stream} of ${peer.url} has ${total} rows from ${new Date(window.from).toISOString()} to ${new Date(window.to).toISOString()}; the limit is ${rowsMax}. Read its objects instead (kind: s3).`,
      );
    const rows = dataset === 'metrics' ? hits.map((hit) => metricOf(hit, stream)) : hits;
    if (rows.length > 0) await appendFile(file, `${rows.map((row) => JSON.stringify(row)).join('\n')}\n`);
    if (hits.length < pageRows || from + hits.length >= total) return;
  }
}

const notLabels = new Set([
  '_timestamp',
  'value',
  '__name__',
  '__type__',
  '__hash__',
  'service_name',
  'job',
  'start_time',
  'exemplars',
  'flag',
  'is_monotonic',
  'aggregation_temporality',
]);

/** A metric's hit has its labels as columns. */
function metricOf(hit: Hit, stream: string): Hit {
  const labels = Object.entries(hit).filter(([key, value]) => !notLabels.has(key) && value !== null);
  const { _timestamp, value, service_name, job, __type__ } = hit;
  const text = Object.fromEntries(labels.map(([key, each]) => [key, String(each)]));
  return { _timestamp, value, service_name, job, __type__, __name__: hit.__name__ ?? stream, labels: text };
}

async function fetchPage(
  peer: OpenObserve,
  dataset: Dataset,
  stream: string,
  window: TimeWindow,
  from: number,
) {
  const url = `${peer.url.replace(/\/+$/, '')}/api/${encodeURIComponent(peer.organization)}/_search?type=${dataset}`;
  const fault = (text: string, retryable: boolean, cause?: unknown) =>
    new ClewError(
      retryable ? 'unavailable' : 'bad_request',
      `OpenObserve at ${url}, stream ${stream}: ${text}`,
      {
        cause,
      },
    );
  const query = {
    sql: `SELECT * FROM "${stream.replaceAll('"', '""')}" ORDER BY _timestamp`,
    start_time: window.from * 1_000,
    end_time: window.to * 1_000,
    from,
    size: pageRows,
  };
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Basic ${Buffer.from(`${peer.user}:${peer.password}`).toString('base64')}`,
      },
      body: JSON.stringify({ query }),
      signal: AbortSignal.timeout(answerMsMax),
    });
  } catch (error) {
    throw fault(error instanceof Error ? error.message : String(error), true, error);
  }
  const body = await response.text();
  if (!response.ok)
    throw fault(
      `${response.status} ${body.slice(0, 200)}`,
      response.status >= 500 || response.status === 429,
    );
  const parsed = answerSchema.safeParse(jsonOf(body));
  if (!parsed.success)
    throw fault(`the answer is no search result: ${parsed.error.issues[0]?.message}`, false);
  return parsed.data;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
