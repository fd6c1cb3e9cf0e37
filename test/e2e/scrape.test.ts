/** Real exporters and a real Prometheus beside the program: what they serve is what Clew has. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../demo/run/ports.ts';
import { comparePrometheus } from '../../tools/compare-prometheus.ts';
import { answering, missingPrograms, type Program, startProgram } from '../support/programs.ts';

const exporters = ['prometheus-node-exporter', 'prometheus-process-exporter'];
const missing = missingPrograms(...exporters);
const missingPrometheus = missingPrograms('prometheus', ...exporters);
const reason = (names: string[]) =>
  names.length === 0
    ? ''
    : ` (skipped: ${names.join(', ')} not installed; Debian has packages of these names)`;

type Samples = Map<string, string>;

/** Reads an exposition by regular expressions, apart from the parser under test. */
function served(body: string): Samples {
  const samples: Samples = new Map();
  for (const line of body.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, name = '', labels = '', value = ''] = /^([\w:]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    expect(name, line).not.toBe('');
    const pairs = [...labels.matchAll(/(\w+)="((?:\\.|[^"\\])*)"/g)].map(([, key = '', text = '']) => [
      key,
      text.replace(/\\(.)/g, (_pair, char: string) => (char === 'n' ? '\n' : char)),
    ]);
    samples.set(`${name}${JSON.stringify(pairs.filter(([, text]) => text !== '').toSorted())}`, value);
  }
  return samples;
}

const numberOf = (text = ''): number => Number(text.replace(/^([+-]?)inf$/i, '$1Infinity'));
const isSame = (mine: Samples, theirs: Samples): boolean =>
  mine.size === theirs.size &&
  [...theirs].every(([key, value]) => mine.has(key) && Object.is(numberOf(mine.get(key)), numberOf(value)));

describe.skipIf(missing.length > 0)(`node_exporter and process-exporter${reason(missing)}`, () => {
  const dir = mkdtempSync(join(tmpdir(), 'clew-exporters-'));
  const programs: Program[] = [];
  const servers: Server[] = [];
  const bodies: Record<string, string[]> = { node: [], process: [] };
  let url = '';

  /** Between Clew and an exporter: hands on what the exporter answers, and keeps it. */
  async function recorder(name: string, port: number): Promise<string> {
    const server = createServer((request, response) => {
      fetch(`http://127.0.0.1:${port}${request.url}`, { headers: { accept: request.headers.accept ?? '' } })
        .then(async (answer) => {
          const body = await answer.text();
          bodies[name]?.push(body);
          response.setHeader('content-type', answer.headers.get('content-type') ?? '').end(body);
        })
        .catch(() => response.destroy());
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  beforeAll(async () => {
    const [node, process_, http] = await Promise.all([freePort(), freePort(), freePort()]);
    mkdirSync(join(dir, 'textfile'));
    writeFileSync(
      join(dir, 'textfile', 'deploy.prom'),
      '# HELP deploy_info A "quoted" \\\\ text.\n# TYPE deploy_info gauge\ndeploy_info{path="C:\\\\x",note="line\\nbreak \\"q\\"",zone="指标"} 1\n',
    );
    writeFileSync(
      join(dir, 'process.yml'),
      JSON.stringify({ process_names: [{ name: '{{.Comm}}', cmdline: ['.+'] }] }),
    );
    programs.push(
      startProgram('prometheus-node-exporter', [
        `--web.listen-address=127.0.0.1:${node}`,
        `--collector.textfile.directory=${join(dir, 'textfile')}`,
      ]),
      startProgram('prometheus-process-exporter', [
        `--web.listen-address=127.0.0.1:${process_}`,
        `--config.path=${join(dir, 'process.yml')}`,
      ]),
    );
    for (const [at, port] of [node, process_].entries())
      await answering(`http://127.0.0.1:${port}/metrics`, programs[at] as Program);
    const job = async (job_name: string, port: number) => ({
      job_name,
      static_configs: [{ targets: [await recorder(job_name, port)] }],
    });
    const global = { scrape_interval: '1s', scrape_timeout: '1s' };
    const gone = { job_name: 'gone', static_configs: [{ targets: ['127.0.0.1:1'] }] };
    const jobs = [await job('node', node), await job('process', process_), gone];
    writeFileSync(join(dir, 'scrape.yml'), JSON.stringify({ global, rule_files: [], scrape_configs: jobs }));
    url = `http://127.0.0.1:${http}`;
    const clew = startProgram(
      process.execPath,
      [join(import.meta.dirname, '../../src/cli/main.ts'), 'serve'],
      {
        CLEW_DATA_DIR: join(dir, 'data'),
        CLEW_HTTP_PORT: String(http),
        CLEW_OTLP_HTTP_PORT: '0',
        CLEW_OTLP_GRPC_PORT: '0',
        CLEW_SCRAPE_CONFIG_FILE: join(dir, 'scrape.yml'),
        CLEW_LOG_LEVEL: 'warn',
      },
    );
    programs.push(clew);
    await answering(`${url}/readyz`, clew, 60_000);
    for (const end = Date.now() + 40_000; Date.now() < end; ) {
      if (Object.values(bodies).every((list) => list.length >= 6)) break;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    await new Promise((resolve) => setTimeout(resolve, 3_000));
  });
  afterAll(async () => {
    for (const program of programs.toReversed()) await program.stop();
    for (const server of servers) server.close();
    rmSync(dir, { recursive: true, force: true });
  });

  async function sql(text: string): Promise<unknown[][]> {
    const answer = await fetch(`${url}/api/v1/sql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ sql: text }),
    });
    expect(answer.status).toBe(200);
    return ((await answer.json()) as { rows: unknown[][] }).rows;
  }

  /** What Clew has of a job, scrape by scrape, without what the scraper reports itself. */
  async function stored(job: string): Promise<Samples[]> {
    const rows = await sql(
      `SELECT toString(SeriesId), toString(toUnixTimestamp64Milli(Timestamp)), toString(Value) FROM metric_samples WHERE ServiceName = '${job}' AND Flags = 0 AND MetricName != 'up' AND NOT startsWith(MetricName, 'scrape_') ORDER BY Timestamp`,
    );
    // A series and its first samples are inserted one after the other; by now both are.
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    const names = await sql(
      `SELECT toString(SeriesId), any(MetricName), any(Attributes) FROM metric_series WHERE ServiceName = '${job}' GROUP BY SeriesId`,
    );
    const keys = new Map(
      names.map(([id, name, labels]) => {
        const pairs = Object.entries(labels as Record<string, string>).filter(
          ([key]) => key !== 'job' && key !== 'instance',
        );
        return [String(id), `${name}${JSON.stringify(pairs.toSorted())}`];
      }),
    );
    const scrapes = new Map<string, Samples>();
    for (const [id, at, value] of rows) {
      const scrape = scrapes.get(String(at)) ?? new Map<string, string>();
      scrape.set(keys.get(String(id)) ?? `unknown ${id}`, String(value));
      scrapes.set(String(at), scrape);
    }
    return [...scrapes.values()];
  }

  it.each(['node', 'process'])(
    'every sample of %s is what the exporter served in that scrape',
    async (job) => {
      const scrapes = await stored(job);
      const recorded = bodies[job] ?? [];
      expect(scrapes.length).toBeGreaterThanOrEqual(6);
      const failed = await sql(
        `SELECT toString(countIf(Value = 0)) FROM metric_samples WHERE ServiceName = '${job}' AND MetricName = 'up'`,
      );
      let samples = 0;
      let next = 0;
      let skipped = 0;
      for (const scrape of scrapes) {
        const found = recorded.slice(next).findIndex((body) => isSame(scrape, served(body)));
        // No body fits: what differs from the one that is due?
        if (found < 0) expect(scrape).toEqual(served(recorded[next] ?? ''));
        skipped += Math.max(found, 0);
        next += found + 1;
        samples += scrape.size;
      }
      // On a busy machine an answer may come after scrape_timeout: then the scrape has failed and says so.
      expect(skipped).toBeLessThanOrEqual(Number(failed[0]?.[0]));
      expect(samples).toBeGreaterThan(500);
    },
  );

  it('labels with quotes, backslashes, line breaks and Chinese characters arrive as they were written', async () => {
    const [row] = await sql(
      "SELECT Attributes['path'], Attributes['note'], Attributes['zone'], Description FROM metric_series WHERE MetricName = 'deploy_info' AND Description != '' LIMIT 1",
    );
    expect(row?.slice(0, 3)).toEqual(['C:\\x', 'line\nbreak "q"', '指标']);
    expect(row?.[3]).toContain('A "quoted" \\ text.');
  });

  it('the targets and their health are told as Prometheus tells them, and /healthz names the one that is down', async () => {
    const answer = (await (await fetch(`${url}/api/v1/targets?state=active`)).json()) as {
      status: string;
      data: { activeTargets: Record<string, unknown>[] };
    };
    expect(answer.status).toBe('success');
    const byPool = new Map(answer.data.activeTargets.map((target) => [target.scrapePool, target]));
    expect(byPool.get('node')).toMatchObject({
      health: 'up',
      lastError: '',
      scrapeInterval: '1s',
      scrapeTimeout: '1s',
      labels: { job: 'node' },
      discoveredLabels: { __scheme__: 'http', __metrics_path__: '/metrics' },
    });
    expect(byPool.get('gone')).toMatchObject({
      health: 'down',
      lastError: 'connect ECONNREFUSED 127.0.0.1:1',
      scrapeUrl: 'http://127.0.0.1:1/metrics',
    });
    const dropped = (await (await fetch(`${url}/api/v1/targets?state=dropped&scrapePool=node`)).json()) as {
      data: object;
    };
    expect(dropped.data).toMatchObject({ activeTargets: [], droppedTargets: [] });
    const health = await fetch(`${url}/healthz?include=scrape`);
    expect(health.status).toBe(503);
    expect(await health.text()).toContain(
      'http://127.0.0.1:1/metrics of job gone is down: connect ECONNREFUSED 127.0.0.1:1',
    );
  });
});

describe.skipIf(missingPrometheus.length > 0)(`a real Prometheus${reason(missingPrometheus)}`, () => {
  it('that remote-writes and Clew that scrapes have the same up, counters and rates as its own query API', async () => {
    const result = await comparePrometheus({ seconds: 20, intervalSeconds: 2 });
    expect(result.examples).toEqual([]);
    expect(result.remoteWrite).toMatchObject({ missing: 0, extra: 0, different: 0 });
    expect(result.remoteWrite.samples).toBeGreaterThan(3_000);
    expect(result.rates).toMatchObject({ different: 0 });
    expect(result.rates.points).toBeGreaterThan(10);
    expect(result.up.remoteWrite).toBe(result.up.prometheus);
    expect(result.up.zeros.remoteWrite).toBe(result.up.zeros.prometheus);
    expect(result.up.zeros.scraper).toBeLessThan(result.up.scraper / 2);
    // Two jobs, each scraped some ten times, at another point of the interval than by Prometheus.
    expect(result.up.prometheus).toBeGreaterThan(8);
    expect(result.up.scraper).toBeGreaterThan(8);
    expect(result.scraper).toMatchObject({ missingSeries: 0, counterViolations: 0, constantDifferent: 0 });
    expect(result.scraper.counterSamples).toBeGreaterThan(100);
    expect(result.scraper.rateMedianRelative).toBeLessThan(0.25);
  }, 120_000);
});
