/**
 * Other products that take the same requests, so that they can be measured beside Clew with the same generator: where
 * they take them, and how they say what they have. They are started and stopped by whoever compares.
 */
import type { Signal } from './workload/index.ts';

export interface Stored {
  stored: number;
  distinct: number;
}
export interface Peer {
  name: string;
  /** Path of each signal that it takes. */
  paths: Partial<Record<Signal, string>>;
  /** What can be queried of a run now. */
  count(url: string, run: string): Promise<Stored>;
}

async function ask(url: string, path: string, query: string): Promise<string> {
  const answer = await fetch(`${url}${path}?${new URLSearchParams({ query })}`);
  const text = await answer.text();
  if (answer.status !== 200)
    throw new Error(`${url}${path} answered ${answer.status}: ${text.slice(0, 300)}`);
  return text;
}

const victoriaLogs: Peer = {
  name: 'victorialogs',
  paths: { logs: '/insert/opentelemetry/v1/logs' },
  // It is asked for everything it has: start it on an empty directory.
  async count(url) {
    const text = await ask(
      url,
      '/select/logsql/query',
      '* | stats count() stored, count_uniq(span_id) distinct',
    );
    const row = JSON.parse(text.split('\n')[0] || '{}') as { stored?: string; distinct?: string };
    return { stored: Number(row.stored ?? 0), distinct: Number(row.distinct ?? 0) };
  },
};

const victoriaMetrics: Peer = {
  name: 'victoriametrics',
  paths: { samples: '/api/v1/write' },
  async count(url, run) {
    const sum = async (expression: string): Promise<number> => {
      const { data } = JSON.parse(await ask(url, '/api/v1/query', expression)) as {
        data: { result: { value: [number, string] }[] };
      };
      return Number(data.result[0]?.value[1] ?? 0);
    };
    const stored = await sum(`sum(count_over_time({job="${run}"}[1h]))`);
    // Each sample of a series has another value.
    return { stored, distinct: await sum(`sum(distinct_over_time({job="${run}"}[1h]))`) };
  },
};

export const peers: readonly Peer[] = [victoriaLogs, victoriaMetrics];
