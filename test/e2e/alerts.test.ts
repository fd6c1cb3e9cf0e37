/** Clew beside a real Prometheus that has it as its Alertmanager: an alert fires, opens a case, and ends. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../demo/run/ports.ts';

const main = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');
const hasPrometheus = spawnSync('prometheus', ['--version']).status === 0;

let dir = '';
let clew: ChildProcess;
let prometheus: ChildProcess;
let target: Server;
let url = '';
let prometheusUrl = '';
/** What the scraped program says of itself. */
let up = 1;

function startClew(): Promise<string> {
  clew = spawn(process.execPath, [main, 'serve'], {
    cwd: dir,
    env: {
      PATH: process.env.PATH,
      CLEW_LOG_LEVEL: 'warn',
      CLEW_DATA_DIR: join(dir, 'data'),
      CLEW_HTTP_PORT: '0',
      CLEW_OTLP_HTTP_PORT: '0',
      CLEW_OTLP_GRPC_PORT: '0',
      CLEW_DETECT_INTERVAL_MS: '1000',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return new Promise((resolve, reject) => {
    let text = '';
    for (const stream of [clew.stdout, clew.stderr])
      stream?.on('data', (chunk) => {
        text += String(chunk);
        const ready = /Clew is ready: (http:\/\/\S+)/.exec(text);
        if (ready?.[1]) resolve(ready[1]);
      });
    clew.on('exit', (code) => reject(new Error(`Clew ended with ${code}: ${text}`)));
  });
}

async function startPrometheus(targetPort: number): Promise<string> {
  const port = await freePort();
  writeFileSync(
    join(dir, 'prometheus.yml'),
    `global: { scrape_interval: 1s, evaluation_interval: 1s }
alerting:
  alertmanagers:
    - static_configs: [{ targets: ['${new URL(url).host}'] }]
rule_files: [rules.yml]
scrape_configs:
  - job_name: till
    static_configs: [{ targets: ['127.0.0.1:${targetPort}'] }]
`,
  );
  writeFileSync(
    join(dir, 'rules.yml'),
    `groups:
  - name: till
    rules:
      - alert: TillClosed
        expr: till_up == 0
        for: 1s
        labels: { severity: critical }
        annotations: { summary: 'The till of {{ $labels.job }} is closed' }
`,
  );
  prometheus = spawn(
    'prometheus',
    [
      `--config.file=${join(dir, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(dir, 'tsdb')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--rules.alert.resend-delay=1s',
    ],
    { cwd: dir, stdio: 'ignore' },
  );
  return `http://127.0.0.1:${port}`;
}

async function until<T>(what: string, seconds: number, ask: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + seconds * 1_000;
  for (;;) {
    const found = await ask().catch(() => undefined);
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`not within ${seconds} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

async function sql(text: string): Promise<unknown[][]> {
  const answer = await fetch(`${url}/api/v1/sql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sql: text }),
  });
  return ((await answer.json()) as { rows: unknown[][] }).rows;
}
const json = async (path: string) => (await fetch(url + path)).json();

const ended = (child: ChildProcess | undefined): Promise<unknown> =>
  child === undefined || child.exitCode !== null || !child.kill('SIGTERM')
    ? Promise.resolve()
    : new Promise((resolve) => child.once('exit', resolve));

describe.skipIf(!hasPrometheus)('Prometheus (skipped where it is not installed)', () => {
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'clew-alerts-test-'));
    target = createServer((_, answer) => answer.end(`# TYPE till_up gauge\ntill_up ${up}\n`));
    await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
    const address = target.address();
    url = await startClew();
    prometheusUrl = await startPrometheus(typeof address === 'object' && address !== null ? address.port : 0);
  }, 60_000);
  afterAll(async () => {
    await Promise.all([ended(prometheus), ended(clew)]);
    target?.close();
    rmSync(dir, { recursive: true, force: true });
  });

  test('finds Clew as its Alertmanager; a critical alert is kept once and opens a case, and it ends', async () => {
    await until('Prometheus knows its Alertmanager', 30, async () => {
      const known = (await (await fetch(`${prometheusUrl}/api/v1/alertmanagers`)).json()) as {
        data: { activeAlertmanagers: { url: string }[] };
      };
      return known.data.activeAlertmanagers[0]?.url === `${url}/api/v2/alerts` ? true : undefined;
    });
    // What Kubernetes did shortly before is a change that the diagnosis weighs.
    const rollout = {
      involvedObject: { kind: 'Deployment', name: 'till', namespace: 'shop' },
      metadata: { uid: 'rollout-1' },
      reason: 'ScalingReplicaSet',
      type: 'Normal',
      message: 'Scaled up replica set till-7d9f8b6c54 to 1 from 0',
      lastTimestamp: new Date().toISOString(),
    };
    const told = await fetch(`${url}/api/v1/events/kubernetes`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(rollout),
    });
    expect(await told.json()).toMatchObject({ accepted: 1, changes: 1 });
    up = 0;
    const shown = await until('the alert is listed', 30, async () => {
      const [alert] = (await json('/api/v2/alerts')) as { labels: Record<string, string> }[];
      return alert;
    });
    expect(shown.labels).toMatchObject({ alertname: 'TillClosed', job: 'till', severity: 'critical' });

    const opened = await until('a case is open', 60, async () => {
      const { data } = (await json('/case')) as {
        data: { case_id: string; title: string; service?: string }[];
      };
      return data[0];
    });
    expect(opened.title).toBe('till: alert TillClosed');
    const { data: detail } = (await json(`/case/${opened.case_id}`)) as {
      data: { signals: { fingerprint: string; summary: string }[] };
    };
    expect(detail.signals).toHaveLength(1);
    expect(detail.signals[0]?.summary).toContain('The till of till is closed');

    up = 1;
    const rows = await until('the end is kept', 60, async () => {
      const found = await sql(
        "SELECT EventName, ServiceName, SeverityText, Body FROM otel_logs WHERE EventName LIKE 'alert.%' ORDER BY EventId",
      );
      return found.length > 1 ? found : undefined;
    });
    expect(rows).toEqual([
      ['alert.firing', 'till', 'critical', 'TillClosed firing: The till of till is closed'],
      ['alert.resolved', 'till', 'info', 'TillClosed resolved: The till of till is closed'],
    ]);
    expect(await json('/api/v2/alerts')).toEqual([]);
    const signal = await until('the signal is over', 60, async () => {
      const { data } = (await json('/api/v1/signals')) as {
        data: { kind: string; labels: { resolved_at?: number } }[];
      };
      return data.find((each) => each.kind === 'alert' && each.labels.resolved_at !== undefined);
    });
    expect(signal.kind).toBe('alert');
    const entry = await until('the timeline tells the end', 10, async () => {
      const { data } = (await json(`/case/${opened.case_id}/timeline`)) as {
        data: { event: string; reason: string }[];
      };
      return data.find(({ event }) => event === 'signals_ended');
    });
    expect(entry.reason).toBe('till: alert TillClosed');
    const verdict = await until('the diagnosis is done', 60, async () => {
      const { data } = (await json(`/case/${opened.case_id}`)) as {
        data: { verdict: { changes: { kind: string; title: string }[] } | null };
      };
      return data.verdict ?? undefined;
    });
    expect(verdict.changes).toMatchObject([{ kind: 'rollout', title: 'till: rollout of till-7d9f8b6c54' }]);
    const metrics = await (await fetch(`${prometheusUrl}/metrics`)).text();
    expect(metrics).toMatch(/^prometheus_notifications_errors_total\{alertmanager="[^"]+"\} 0$/m);
    expect(metrics).not.toMatch(/^prometheus_notifications_sent_total\{alertmanager="[^"]+"\} 0$/m);
  }, 240_000);
});
