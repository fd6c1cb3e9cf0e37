import { describe, expect, it } from 'vitest';
import { type Job, readScrapeFile } from './config.ts';
import { targetsOf } from './target.ts';
import { durationMs } from './yaml-field.ts';

const read = (text: string) => readScrapeFile('/etc/scrape.yml', text);
const job = (lines: string): Job => {
  const [first] = read(`scrape_configs:\n- job_name: a\n${lines.replace(/^/gm, '  ')}\n`).jobs;
  if (first === undefined) throw new Error('no job');
  return first;
};
const targets = (lines: string) => {
  const made = job(lines);
  return targetsOf(made, made.groups);
};

describe('a scrape file', () => {
  it('is a prometheus.yml: its other sections are named as ignored, its defaults are those of Prometheus', () => {
    const file = read(`
global: {evaluation_interval: 30s, external_labels: {cluster: eu}}
alerting: {alertmanagers: []}
rule_files: [a.yml]
remote_write: [{url: 'http://x'}]
scrape_configs:
  - job_name: node
    static_configs: [{targets: ['h:9100']}]
`);
    expect(file.ignored).toEqual(['alerting', 'rule_files', 'remote_write']);
    expect(file.externalLabels).toEqual(new Map([['cluster', 'eu']]));
    expect(file.jobs[0]).toMatchObject({
      name: 'node',
      intervalMs: 60_000,
      timeoutMs: 10_000,
      metricsPath: '/metrics',
      scheme: 'http',
      honorLabels: false,
      honorTimestamps: true,
      followRedirects: true,
    });
  });

  it('takes every key that it knows', () => {
    const made = job(`scrape_interval: 1m30s
scrape_timeout: 500ms
metrics_path: /m
scheme: https
params: {x: [a, b]}
honor_labels: true
honor_timestamps: false
track_timestamps_staleness: true
follow_redirects: false
enable_compression: false
enable_http2: true
basic_auth: {username: u, password_file: secret}
tls_config: {ca_file: ca.pem, server_name: s, insecure_skip_verify: true}
sample_limit: 1
target_limit: 2
label_limit: 3
label_name_length_limit: 4
label_value_length_limit: 5
body_size_limit: 1.5KB
file_sd_configs: [{files: ['targets/*.json', /abs/x.yml], refresh_interval: 1m}]`);
    expect(made).toMatchObject({
      intervalMs: 90_000,
      timeoutMs: 500,
      metricsPath: '/m',
      scheme: 'https',
      params: new Map([['x', ['a', 'b']]]),
      honorLabels: true,
      honorTimestamps: false,
      trackTimestampsStaleness: true,
      followRedirects: false,
      compression: false,
      credentials: { scheme: 'basic', name: 'u', secret: '', secretFile: '/etc/secret' },
      tls: { caFile: '/etc/ca.pem', serverName: 's', insecureSkipVerify: true },
      limits: {
        samples: 1,
        targets: 2,
        labels: 3,
        labelNameLength: 4,
        labelValueLength: 5,
        bodyBytes: 1536,
      },
      files: ['/etc/targets/*.json', '/abs/x.yml'],
    });
    expect(job('authorization: {credentials: t}').credentials).toMatchObject({ name: 'Bearer', secret: 't' });
    expect(job('bearer_token_file: /t').credentials).toMatchObject({ name: 'Bearer', secretFile: '/t' });
  });

  it.each<[string, string]>([
    [
      'scrape_configs: [',
      '/etc/scrape.yml:1: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
    ['scrape_configs: {}', '/etc/scrape.yml:1: scrape_configs: must be a list'],
    ['- a', '/etc/scrape.yml:1: must be a mapping'],
    [
      'global:\n  scrape_intervall: 1s',
      '/etc/scrape.yml:2: global.scrape_intervall: is not a known key; there are',
    ],
    [
      'scrape_config_files: [x]',
      '/etc/scrape.yml:1: scrape_config_files: is not taken; put the entries into scrape_configs',
    ],
    [
      'scrape_configs:\n- static_configs: []',
      '/etc/scrape.yml:2: scrape_configs[0]: job_name is missing or empty',
    ],
    [
      'scrape_configs:\n- job_name: a\n- job_name: a',
      '/etc/scrape.yml:3: scrape_configs[1]: the job_name "a" stands twice',
    ],
    [
      'scrape_configs:\n- job_name: a\n  scrape_intervl: 5s',
      '/etc/scrape.yml:3: scrape_configs[0].scrape_intervl: is not a known key; there are',
    ],
    [
      'scrape_configs:\n- job_name: a\n  kubernetes_sd_configs: []',
      '/etc/scrape.yml:3: scrape_configs[0].kubernetes_sd_configs: is not taken; write the targets to a file and name it in file_sd_configs',
    ],
    [
      'scrape_configs:\n- job_name: a\n  proxy_url: x',
      '/etc/scrape.yml:3: scrape_configs[0].proxy_url: is not taken; Clew scrapes its targets directly',
    ],
    [
      'scrape_configs:\n- job_name: a\n  scrape_interval: 5',
      '/etc/scrape.yml:3: scrape_configs[0].scrape_interval: "5" is not a duration; write 15s, 1m30s or 500ms',
    ],
    [
      'scrape_configs:\n- job_name: a\n  scrape_interval: 1ms',
      '/etc/scrape.yml:3: scrape_configs[0].scrape_interval: must be at least 100ms',
    ],
    [
      'scrape_configs:\n- job_name: a\n  scrape_interval: 5s\n  scrape_timeout: 6s',
      '/etc/scrape.yml:4: scrape_configs[0].scrape_timeout: must not be longer than scrape_interval',
    ],
    [
      'scrape_configs:\n- job_name: a\n  scheme: ftp',
      '/etc/scrape.yml:3: scrape_configs[0].scheme: "ftp" is not one of http, https',
    ],
    [
      'scrape_configs:\n- job_name: a\n  honor_labels: yes',
      '/etc/scrape.yml:3: scrape_configs[0].honor_labels: must be true or false',
    ],
    [
      'scrape_configs:\n- job_name: a\n  sample_limit: -1',
      '/etc/scrape.yml:3: scrape_configs[0].sample_limit: must be a whole number, 0 or more',
    ],
    [
      'scrape_configs:\n- job_name: a\n  body_size_limit: big',
      '/etc/scrape.yml:3: scrape_configs[0].body_size_limit: "big" is not a size; write 10MB or 512KB',
    ],
    [
      'scrape_configs:\n- job_name: a\n  basic_auth: {username: u}\n  bearer_token: t',
      '/etc/scrape.yml:4: scrape_configs[0].bearer_token: stands beside basic_auth; only one of them is taken',
    ],
    [
      'scrape_configs:\n- job_name: a\n  authorization: {credentials: a, credentials_file: b}',
      '/etc/scrape.yml:3: scrape_configs[0].authorization.credentials: stands beside credentials_file; only one of them is taken',
    ],
    [
      'scrape_configs:\n- job_name: a\n  authorization: {type: basic}',
      '/etc/scrape.yml:3: scrape_configs[0].authorization.type: must not be "Basic"; use basic_auth',
    ],
    [
      'scrape_configs:\n- job_name: a\n  tls_config: {cert_file: c}',
      '/etc/scrape.yml:3: scrape_configs[0].tls_config: cert_file and key_file go together',
    ],
    [
      'scrape_configs:\n- job_name: a\n  static_configs:\n  - targets: h:1',
      '/etc/scrape.yml:4: scrape_configs[0].static_configs[0].targets: must be a list',
    ],
    [
      'scrape_configs:\n- job_name: a\n  static_configs:\n  - targets: [{}]',
      '/etc/scrape.yml:4: scrape_configs[0].static_configs[0].targets[0]: must be a text',
    ],
    [
      'scrape_configs:\n- job_name: a\n  file_sd_configs: [{files: ["a*/b.json"]}]',
      '/etc/scrape.yml:3: scrape_configs[0].file_sd_configs[0].files[0]: "a*/b.json" must end in .json, .yml or .yaml and may have * in its last part only',
    ],
    [
      'scrape_configs:\n- job_name: a\n  file_sd_configs: [{}]',
      '/etc/scrape.yml:3: scrape_configs[0].file_sd_configs[0]: names no files',
    ],
    [
      'scrape_configs:\n- job_name: a\n  relabel_configs:\n  - action: keep\n    regexp: a',
      '/etc/scrape.yml:5: scrape_configs[0].relabel_configs[0].regexp: is not a known key; there are',
    ],
  ])('that says %j is refused with file, line and key', (text, message) => {
    expect(() => read(text)).toThrow(message);
  });

  it('reads durations as Prometheus does', () => {
    expect(['1d2h', '1m30s', '500ms', '1w', '0', '1m5', '', 's', '1s1m'].map(durationMs)).toEqual([
      93_600_000,
      90_000,
      500,
      604_800_000,
      0,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('targets', () => {
  it('have job and instance, labels of their group, and the URL of path and parameters', () => {
    const [target] = targets(`static_configs: [{targets: ['h:1'], labels: {zone: eu, __param_module: icmp}}]
params: {x: [a, b]}
metrics_path: /probe`).targets;
    expect(target?.labels).toEqual(
      new Map([
        ['zone', 'eu'],
        ['job', 'a'],
        ['instance', 'h:1'],
      ]),
    );
    expect(target?.url.href).toBe('http://h:1/probe?module=icmp&x=a&x=b');
    expect(target?.discovered.get('__address__')).toBe('h:1');
  });

  it('are changed by relabelling: address, parameters, path, scheme, interval, instance', () => {
    // The usual rules for a prober.
    const [target] = targets(`static_configs: [{targets: ['https://shop.example']}]
relabel_configs:
- {source_labels: [__address__], target_label: __param_target}
- {source_labels: [__param_target], target_label: instance}
- {target_label: __address__, replacement: 'blackbox:9115'}
- {target_label: __metrics_path__, replacement: /probe}
- {target_label: __scheme__, replacement: https}
- {target_label: __scrape_interval__, replacement: 2m}`).targets;
    expect(target?.url.href).toBe('https://blackbox:9115/probe?target=https%3A%2F%2Fshop.example');
    expect(target?.labels.get('instance')).toBe('https://shop.example');
    expect(target?.intervalMs).toBe(120_000);
  });

  it('that stand twice are one, dropped ones are listed, impossible ones are named', () => {
    const list = targets(`static_configs: [{targets: ['h:1', 'h:1', 'gone:1', 'a b', 'x/y']}]
relabel_configs: [{action: drop, source_labels: [__address__], regex: 'gone:1'}]`);
    expect(list.targets.map((target) => target.url.host)).toEqual(['h:1']);
    expect(list.dropped.map((labels) => labels.get('__address__'))).toEqual(['gone:1']);
    expect(list.faults).toEqual([
      'the target "a b" of job a (static_configs/0): "a b" is not host:port',
      'the target "x/y" of job a (static_configs/0): "x/y" is not host:port',
    ]);
  });

  it('beyond target_limit are none, and the limit is named', () => {
    const list = targets("target_limit: 1\nstatic_configs: [{targets: ['h:1', 'h:2']}]");
    expect(list.targets).toEqual([]);
    expect(list.faults).toEqual(['job a has 2 targets; its target_limit is 1, so none is scraped']);
  });

  it('are spread over the interval by their hash, the same after a reload', () => {
    const many = Array.from({ length: 400 }, (_, i) => `'h${i}:1'`).join();
    const phases = targets(`static_configs: [{targets: [${many}]}]`).targets.map(({ phase }) => phase);
    const tenths = Array.from(
      { length: 10 },
      (_, i) => phases.filter((phase) => Math.floor(phase * 10) === i).length,
    );
    expect(Math.min(...tenths)).toBeGreaterThan(15);
    expect(targets(`static_configs: [{targets: [${many}]}]`).targets.map(({ phase }) => phase)).toEqual(
      phases,
    );
  });
});
