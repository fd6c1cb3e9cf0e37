/** The examples under deploy/: they can be read, hold together, and name ports and paths that Clew serves. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { freePort } from '../../demo/run/ports.ts';
import { configSchema } from '../../src/config/index.ts';
import { type RunningClew, startClew } from '../support/clew.ts';

type Tree = Record<string, unknown>;
const root = join(import.meta.dirname, '..', '..', 'deploy');
const ours = [
  'alloy',
  'filebeat',
  'fluent-bit',
  'otel-collector',
  'promtail',
  'rsyslog',
  'syslog-ng',
  'systemd-journal-upload',
  'vector',
];
const read = (...path: string[]): string => readFileSync(join(root, ...path), 'utf8');
const yaml = (...path: string[]): Tree => parse(read(...path)) as Tree;
const at = (tree: unknown, ...path: (string | number)[]): unknown =>
  path.reduce<unknown>((value, key) => (value as Record<string | number, unknown> | undefined)?.[key], tree);
const files = ours.flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1)),
);

const defaults = configSchema.parse({});
const dir = mkdtempSync(join(tmpdir(), 'clew-deploy-'));
let clew: RunningClew;
let syslogPort = 0;

beforeAll(async () => {
  syslogPort = await freePort();
  clew = await startClew(dir, { CLEW_SYSLOG_TCP_ENABLED: 'true', CLEW_SYSLOG_TCP_PORT: String(syslogPort) });
});
afterAll(async () => {
  await clew.stop();
  rmSync(dir, { recursive: true, force: true });
});

test.each(ours)('%s has a README that names each of its files', (folder) => {
  const text = read(folder, 'README.md');
  for (const file of files.filter((name) => name.startsWith(`${folder}/`) && !name.endsWith('README.md')))
    expect(text, file).toContain(file.split('/').at(-1));
});

test.each(files.filter((name) => /\.ya?ml$/.test(name)))('%s is YAML without a key twice', (file) => {
  expect(typeof yaml(file)).toBe('object');
});

describe('every address', () => {
  /** Where each program sends to, and what it appends to the address that it is given. */
  const sent: [string, string[]][] = [
    [
      'vector/sinks/clew_logs.yaml',
      [String(at(yaml('vector/sinks/clew_logs.yaml'), 'sinks', 'clew_logs', 'uri'))],
    ],
    [
      'vector/sinks/clew_metrics.yaml',
      [String(at(yaml('vector/sinks/clew_metrics.yaml'), 'sinks', 'clew_metrics', 'endpoint'))],
    ],
    [
      'filebeat/filebeat.yml',
      [`${at(yaml('filebeat/filebeat.yml'), 'output.elasticsearch', 'hosts', 0)}/_bulk`],
    ],
    ['promtail/promtail.yaml', [String(at(yaml('promtail/promtail.yaml'), 'clients', 0, 'url'))]],
    ['fluent-bit/fluent-bit.yaml', [fluentBit()]],
    [
      'systemd-journal-upload/journal-upload.conf',
      [`${/^URL=(\S+)/m.exec(read('systemd-journal-upload/journal-upload.conf'))?.[1]}/upload`],
    ],
    ...['agent', 'gateway'].map((name): [string, string[]] => {
      const base = at(yaml(`otel-collector/${name}.yaml`), 'exporters', 'otlphttp/clew', 'endpoint');
      return [
        `otel-collector/${name}.yaml`,
        ['logs', 'metrics', 'traces'].map((signal) => `${base}/v1/${signal}`),
      ];
    }),
    [
      'alloy/config.alloy',
      [
        String(/url += "(\S+)"/.exec(read('alloy/config.alloy'))?.[1]),
        `${/endpoint = "(http:\S+)"/.exec(read('alloy/config.alloy'))?.[1]}/v1/logs`,
      ],
    ],
  ];
  function fluentBit(): string {
    const output = at(yaml('fluent-bit/fluent-bit.yaml'), 'pipeline', 'outputs', 0) as Tree;
    return `http://${output.host}:${output.port}${output.uri}`;
  }

  test.each(sent)('of %s is one that Clew serves', async (_file, addresses) => {
    for (const address of addresses) {
      const { hostname, port, pathname } = new URL(address);
      expect(hostname).toBe('clew');
      expect([defaults.http.port, defaults.otlpHttp.port]).toContain(Number(port));
      const base = Number(port) === defaults.otlpHttp.port ? clew.otlpUrl : clew.url;
      // A body in no form: who takes this path says that it can't be read, everybody else that there is no such path.
      const answer = await fetch(base + pathname, {
        method: 'POST',
        headers: { 'content-type': 'x/y' },
        body: 'x',
      });
      expect([406, 415], `${address}: ${answer.status} ${await answer.text()}`).toContain(answer.status);
    }
  });

  test('and a path that nobody serves would be noticed', async () => {
    const answer = await fetch(`${clew.url}/api/v1/logs/nothing`, {
      method: 'POST',
      headers: { 'content-type': 'x/y' },
      body: 'x',
    });
    expect(answer.status).toBe(404);
  });

  test('of syslog has the default ports', () => {
    expect(read('rsyslog/clew.conf')).toContain(`port="${defaults.syslog.tcp.port}"`);
    expect(read('rsyslog/clew-tls.conf')).toContain(`port="${defaults.syslog.tls.port}"`);
  });
});

test('every sender shows how the token is given', () => {
  for (const file of files.filter((name) =>
    /sinks|agent|gateway|config\.alloy|promtail\.|filebeat\.yml|fluent-bit\.yaml|syslog-ng.clew\.conf/.test(
      name,
    ),
  ))
    expect(read(file), file).toContain('TOKEN_FOR_CLEW');
});

test('no example names a variable that Clew takes for a setting of its own', () => {
  for (const file of files.filter((name) => !name.startsWith('clew/') && !name.endsWith('.md')))
    expect(read(file), file).not.toMatch(/\bCLEW_[A-Z]/);
});

test('Vector: every input is a source or a transform, and nothing is left without a reader', () => {
  const parts = files
    .filter((name) => /^vector\/(sources|transforms|sinks)\//.test(name))
    .map((name) => yaml(name));
  const all = (kind: string) =>
    Object.assign({}, ...parts.map((part) => part[kind])) as Record<string, { inputs?: string[] }>;
  const producers = { ...all('sources'), ...all('transforms') };
  const read = [...Object.values(all('transforms')), ...Object.values(all('sinks'))].flatMap(
    ({ inputs }) => inputs ?? [],
  );
  expect([...new Set(read)].sort()).toEqual(Object.keys(producers).sort());
});

test.each(['agent', 'gateway'])(
  'OpenTelemetry Collector, %s: pipelines use what is declared, all of it',
  (name) => {
    const tree = yaml(`otel-collector/${name}.yaml`);
    const pipelines = Object.values(
      at(tree, 'service', 'pipelines') as Record<string, Record<string, string[]>>,
    );
    for (const kind of ['receivers', 'processors', 'exporters']) {
      const used = new Set(pipelines.flatMap((pipeline) => pipeline[kind] ?? []));
      expect([...used].sort(), kind).toEqual(Object.keys(at(tree, kind) as Tree).sort());
    }
    expect(at(tree, 'service', 'extensions')).toEqual(Object.keys(at(tree, 'extensions') as Tree));
  },
);

test('Alloy: every component that is named exists, and brackets are closed', () => {
  const text = read('alloy/config.alloy').replace(/\/\/[^\n"]*$/gm, '');
  const declared = [...text.matchAll(/^([a-z_.]+) "(\w+)" \{/gm)].map(
    ([, type, label]) => `${type}.${label}`,
  );
  const named = [
    ...text.matchAll(/\b((?:loki|local|otelcol)\.[a-z_.]+?\.\w+)\.(?:receiver|targets|rules|input)\b/g),
  ].map((match) => match[1]);
  expect(named.length).toBeGreaterThan(5);
  for (const name of named) expect(declared).toContain(name);
  for (const [open, close] of ['{}', '[]', '()'].map((pair) => [...pair]))
    expect(text.split(open ?? '').length, open).toBe(text.split(close ?? '').length);
});

const hasRsyslog = spawnSync('rsyslogd', ['-v'], { stdio: 'ignore' }).error === undefined;
describe.skipIf(!hasRsyslog)('rsyslog', () => {
  const checked = (path: string) => spawnSync('rsyslogd', ['-N1', '-f', path], { encoding: 'utf8' });

  test.each(['clew.conf', 'clew-tls.conf'])('finds nothing wrong with %s, and would say so', (file) => {
    const good = checked(join(root, 'rsyslog', file));
    expect([good.status, good.stderr]).toEqual([0, expect.not.stringMatching(/error|warning/i)]);
    const misspelled = join(dir, file);
    writeFileSync(misspelled, read('rsyslog', file).replace('TCP_Framing', 'TCP_Frame'));
    expect(checked(misspelled).status).not.toBe(0);
  });

  test('with clew.conf forwards what it reads', async () => {
    const input = join(dir, 'in.log');
    writeFileSync(input, '');
    const snippet = read('rsyslog/clew.conf')
      .replace('target="clew"', 'target="127.0.0.1"')
      .replace('port="1514"', `port="${syslogPort}"`);
    const config = join(dir, 'rsyslog.conf');
    writeFileSync(
      config,
      `global(workDirectory="${dir}")\nmodule(load="imfile")\ninput(type="imfile" file="${input}" tag="dp-rsyslog:")\n${snippet}`,
    );
    const daemon: ChildProcess = spawn('rsyslogd', ['-n', '-f', config, '-i', join(dir, 'pid')], {
      stdio: 'ignore',
    });
    try {
      appendFileSync(input, Array.from({ length: 100 }, (_, i) => `line ${i}\n`).join(''));
      const counted = () =>
        clew.sql("SELECT count(), uniqExact(Body) FROM otel_logs WHERE ServiceName = 'dp-rsyslog'");
      await expect
        .poll(async () => (await counted())[0]?.map(Number), { timeout: 20_000 })
        .toEqual([100, 100]);
    } finally {
      daemon.kill('SIGTERM');
      await new Promise((resolve) => daemon.once('exit', resolve));
    }
  });
});
