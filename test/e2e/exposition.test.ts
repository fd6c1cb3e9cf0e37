/** Clew's parsers beside Prometheus' own: thousands of small damages to an exposition, and what each of the two says. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { freePort } from '../../demo/run/ports.ts';
import { Exposition, type Format } from '../../src/receive/scrape/exposition.ts';
import { answering, missingPrograms, startProgram } from '../support/programs.ts';
import { testSeed } from '../support/seed.ts';

const missing = missingPrograms('prometheus');
const bodiesPerFormat = 400;
const whole = {
  text: '# HELP a x\n# TYPE a counter\na{b="c\\n",d="e"} 1.5e3 1795180000000\nb_total NaN\nc{x="1",} 3\n# comment\nd +Inf\n',
  openmetrics:
    '# HELP a x\n# TYPE a counter\n# UNIT b_seconds seconds\na_total{b="c\\n",d="e"} 1.5e3 1795180000.5\nb_seconds 1\na_created{b="c"} 1795170000\nc_bucket{le="1"} 3 # {t="x"} 2 1795180000\n# EOF\n',
};
const pieces = '{|}|"|\\|\n| |#|=|,|1|a|\t|# |NaN|_|:|.|-|+|e|  |\\"|0x1|1_0|TYPE|é|;|\r|'.split('|');
/** What Prometheus 2.42 refuses and Clew takes: none of it can be misread. */
const takenBeyond =
  /does not support exemplars|invalid metric type|invalid metric name|help text is not a valid utf8/;
/** A value right behind a bare name: what Prometheus makes of it depends on the line before. */
const refusedBeyond = /expected a value after the metric name/;

/** Numerical Recipes' generator: the same bodies for the same seed on every machine. */
function damaged(seed: number): { format: Format; body: string }[] {
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0;
  const below = (limit: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
  return (['text', 'openmetrics'] as const).flatMap((format) =>
    Array.from({ length: bodiesPerFormat }, () => {
      let body = whole[format];
      for (let left = 1 + below(2); left > 0; left--) {
        const at = below(body.length);
        body = body.slice(0, at) + (pieces[below(pieces.length)] ?? '') + body.slice(at + below(3));
      }
      return { format, body };
    }),
  );
}

/** Why Clew refuses a body; empty when it takes it. */
function refusal(body: string, format: Format): string {
  try {
    const exposition = new Exposition(Buffer.from(body), format);
    for (let entry = exposition.next(); entry !== 'end'; entry = exposition.next()) {
      if (entry !== 'sample') continue;
      const { labels, bytes } = exposition;
      const names = Array.from({ length: labels.count }, (_, at) => labels.name(bytes, at));
      if (new Set(names).size < names.length) return 'a label stands twice';
    }
    return '';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

interface Judged {
  health: string;
  lastError: string;
  labels: Record<string, string>;
}

it.skipIf(missing.length > 0)(
  `what Prometheus reads Clew reads, and what Prometheus refuses Clew refuses${missing.length > 0 ? ' (skipped: prometheus not installed)' : ''}`,
  async () => {
    const seed = testSeed;
    const bodies = damaged(seed);
    const types = {
      text: 'text/plain; version=0.0.4',
      openmetrics: 'application/openmetrics-text; version=1.0.0',
    };
    const server = createServer((request, response) => {
      const one = bodies[Number(request.url?.slice(1))];
      response.setHeader('content-type', types[one?.format ?? 'text']).end(one?.body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const dir = mkdtempSync(join(tmpdir(), 'clew-exposition-'));
    const static_configs = bodies.map((_, at) => ({
      targets: [address],
      labels: { __metrics_path__: `/${at}`, number: String(at) },
    }));
    const global = { scrape_interval: '5s', scrape_timeout: '5s' };
    const config = { global, scrape_configs: [{ job_name: 'damaged', static_configs }] };
    writeFileSync(join(dir, 'prometheus.yml'), JSON.stringify(config));
    const port = await freePort();
    const prometheus = startProgram('prometheus', [
      `--config.file=${join(dir, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(dir, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ]);
    try {
      await answering(`http://127.0.0.1:${port}/-/ready`, prometheus);
      let judged: Judged[] = [];
      for (const end = Date.now() + 60_000; Date.now() < end; ) {
        const answer = await fetch(`http://127.0.0.1:${port}/api/v1/targets?state=active`);
        judged = ((await answer.json()) as { data: { activeTargets: Judged[] } }).data.activeTargets;
        if (judged.length === bodies.length && judged.every(({ health }) => health !== 'unknown')) break;
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
      const disagreements = (read: typeof refusal) =>
        judged.flatMap(({ health, lastError, labels }) => {
          const one = bodies[Number(labels.number)];
          if (one === undefined || /deadline|connection/.test(lastError)) return [];
          const mine = read(one.body, one.format);
          const agrees =
            (mine === '') === (health === 'up') ||
            (mine === '' ? takenBeyond.test(lastError) : refusedBeyond.test(mine));
          return agrees ? [] : [{ seed, ...one, clew: mine, prometheus: lastError }];
        });
      expect(disagreements(refusal)).toEqual([]);
      expect(judged.filter(({ health }) => health === 'down').length).toBeGreaterThan(100);
      expect(judged.filter(({ health }) => health === 'up').length).toBeGreaterThan(100);
      // Canary: a parser that is a little too strict, or too lax, is noticed.
      const isFifth = (body: string): boolean => body.length % 5 === 0;
      const strict: typeof refusal = (body, format) => (isFifth(body) ? 'no' : refusal(body, format));
      const lax: typeof refusal = (body, format) => (isFifth(body) ? '' : refusal(body, format));
      expect(disagreements(strict)).not.toEqual([]);
      expect(disagreements(lax)).not.toEqual([]);
    } finally {
      await prometheus.stop();
      server.closeAllConnections();
      server.close();
      rmSync(dir, { recursive: true, force: true });
    }
  },
  120_000,
);
