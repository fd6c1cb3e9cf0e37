import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { testSeed } from '../../../test/support/seed.ts';
import { formatFindings, lintText, loadLintRules } from '../index.ts';

const rules = loadLintRules([join(import.meta.dirname, '../../../catalog')]);
/** `line:column severity rule` of each finding. */
const lint = (text: string): string[] =>
  lintText('f.yaml', text, rules).map(
    ({ line, column, severity, rule }) => `${line}:${column} ${severity} ${rule}`,
  );

describe('labels of ever new values are found where they become labels, with line and column', () => {
  test.each([
    [
      'a scrape of Prometheus',
      `scrape_configs:
  - job_name: pods
    relabel_configs:
      - source_labels: [__meta_kubernetes_pod_uid]
        target_label: pod_uid
      - source_labels: [__meta_kubernetes_pod_ip]
        target_label: node
      - source_labels: [__meta_kubernetes_pod_ip]
        target_label: __address__
      - source_labels: [user_id]
        action: labeldrop
      - action: labelmap
        regex: __meta_kubernetes_pod_label_session_id
      - source_labels: [__meta_kubernetes_namespace]
        target_label: namespace
    metric_relabel_configs:
      - {source_labels: [path], target_label: route}
`,
      [
        '4:25 error uuid',
        '5:23 error uuid',
        '6:25 error client-address',
        '13:16 error request-id',
        '17:26 error url',
      ],
    ],
    [
      'a ServiceMonitor',
      `apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: api, labels: {app: api}}
spec:
  podTargetLabels: [app, pod-template-hash]
  endpoints:
    - port: http
      relabelings:
        - sourceLabels: [__meta_kubernetes_pod_name]
          targetLabel: pod
        - sourceLabels: [__meta_kubernetes_pod_annotation_request_id]
          targetLabel: request
`,
      ['5:26 warning version-hash', '11:26 error request-id', '12:24 error request-id'],
    ],
    [
      'stages of Promtail, nested too',
      `scrape_configs:
  - job_name: app
    pipeline_stages:
      - json: {expressions: {trace_id: trace_id, level: level}}
      - labels:
          level:
          trace_id:
      - structured_metadata:
          trace_id:
      - match:
          selector: '{app="x"}'
          stages:
            - labels: {who: user_id}
`,
      ['7:11 error trace-id', '13:29 error user'],
    ],
    [
      'an OpenTelemetry collector',
      `exporters:
  prometheus:
    endpoint: 0.0.0.0:8889
    resource_to_telemetry_conversion:
      enabled: true
connectors:
  spanmetrics:
    dimensions:
      - name: http.route
      - name: http.target
      - name: enduser.id
  servicegraph:
    dimensions: [customer.id]
processors:
  attributes/loki:
    actions:
      - action: insert
        key: loki.attribute.labels
        value: severity, event.name, user.id
`,
      [
        '5:16 warning otel-resource-to-telemetry',
        '10:15 error url',
        '11:15 warning some-id',
        '13:18 error user',
        '19:16 error user',
      ],
    ],
    [
      'Vector',
      `sinks:
  loki:
    type: loki
    labels:
      app: "{{ app }}"
      client: "{{ client_ip }}"
  es:
    type: elasticsearch
    labels: {client_ip: x}
transforms:
  m:
    type: log_to_metric
    metrics:
      - type: counter
        field: x
        tags: {path: "{{ path }}", method: "{{ method }}"}
`,
      ['6:15 error client-address', '16:16 error url', '16:22 error url'],
    ],
    [
      'Compose',
      `services:
  api:
    image: api
    logging:
      driver: loki
      options:
        loki-external-labels: job=api,container_id={{.ID}}
    labels:
      - com.acme.build-number=7
      - team=core
`,
      ['7:31 error uuid', '9:9 warning version-hash'],
    ],
    [
      'a collector in a ConfigMap',
      `apiVersion: v1
kind: ConfigMap
data:
  promtail.yaml: |
    # comment
    scrape_configs:
      - pipeline_stages:
          - labels:
              email:
`,
      ['9:15 error personal'],
    ],
  ])('%s', (_what, text, expected) => {
    expect(lint(text)).toEqual(expected);
  });

  it('names the label, what it becomes, why that is bad and what to do instead', () => {
    const [finding] = lintText('a.yaml', 'pipeline_stages: [{labels: {trace_id: ""}}]', rules);
    expect(finding?.message).toBe(
      '"trace_id" becomes a stream label: every request has another one; keep it in the line or as structured metadata or attribute, and search for it there',
    );
  });

  it('leaves sound labels alone', () => {
    const names = [
      'app',
      'env',
      'level',
      'namespace',
      'cluster',
      'region',
      'pod',
      'container',
      'job',
      'stream',
      'filename',
      'status_code',
      'method',
      'http_route',
      'cluster_id',
      'service.name',
      'severity',
      'team',
      'le',
    ];
    expect(
      lint(`pipeline_stages:\n  - labels:\n${names.map((name) => `      ${name}:\n`).join('')}`),
    ).toEqual([]);
  });
});

describe('secrets in plain sight are found, references to them are not', () => {
  test.each([
    ['env: [{name: DB_PASSWORD, value: hunter2}]', ['1:34 error secret-in-environment']],
    ['env: [{name: DB_PASSWORD, value: "$(DB_PASSWORD)"}]', []],
    ['env: [{name: DB_PASSWORD, valueFrom: {secretKeyRef: {name: db, key: password}}}]', []],
    ['services: {a: {environment: {API_KEY: abc123def}}}', ['1:39 error secret-in-environment']],
    [
      'services: {a: {environment: ["API_KEY=abc123def", "API_KEY_FILE=/run/secrets/k", "MODE=x"]}}',
      ['1:30 error secret-in-environment'],
    ],
    ['url: https://user:pa55@example.org/x', ['1:6 error password-in-url']],
    ['url: https://$USER:$PASS@example.org/x', []],
    ['headers: {Authorization: Bearer abcdefgh12345678}', ['1:26 error authorization-header']],
    ['key: |\n  -----BEGIN RSA PRIVATE KEY-----\n  AAA', ['1:6 error private-key']],
    [`note: ghp_${'a'.repeat(36)}`, ['1:7 error token-shape']],
  ])('%s', (text, expected) => {
    expect(lint(text)).toEqual(expected);
  });
});

describe('comments', () => {
  const stage = (comment: string, before = '') =>
    `pipeline_stages:\n  - labels:\n${before}      user_id: ${comment}\n      trace_id:\n`;
  it.each([
    ['on the line', stage('# clew-lint-ignore'), ['4:7 error trace-id']],
    ['by rule', stage('# clew-lint-ignore: user'), ['4:7 error trace-id']],
    ['by another rule', stage('# clew-lint-ignore: url'), ['3:7 error user', '4:7 error trace-id']],
    ['on the line before', stage('', '      # clew-lint-ignore: user\n'), ['5:7 error trace-id']],
    ['for the file', `# clew-lint-ignore-file\n${stage('')}`, []],
  ])('ignore %s', (_where, text, expected) => {
    expect(lint(text)).toEqual(expected);
  });
});

describe('what can not be read', () => {
  test.each([
    ['a: [1, 2', 'error'],
    ['a: b: c', 'Nested mappings'],
    ['\tx: 1', ''],
  ])('%j is one finding, unreadable', (text) => {
    expect(lintText('f.yaml', text, rules).map(({ rule }) => rule)).toEqual(['unreadable']);
  });

  it('nesting without end and aliases without end end', () => {
    expect(lintText('f.yaml', '['.repeat(50_000), rules).map(({ rule }) => rule)).toEqual(['unreadable']);
    const bomb = `a: &a [x, x]\n${[...'bcdefghij'].map((name, at) => `${name}: &${name} [*${'abcdefghi'[at]}, *${'abcdefghi'[at]}]`).join('\n')}`;
    expect(lintText('f.yaml', bomb, rules)).toEqual([]);
  });
});

/** The property every text must have: findings that lie inside it, in order, and nothing thrown. */
function holds(read: typeof lintText, text: string): boolean {
  const lines = text.split('\n');
  const findings = read('f.yaml', text, rules);
  return findings.every(
    ({ line, column }) => line >= 1 && line <= lines.length + 1 && column >= 1 && column <= 1_000_000,
  );
}
const words = [
  'scrape_configs:',
  'pipeline_stages:',
  '- labels:',
  'trace_id:',
  'value: x',
  '|',
  '&a',
  '*a',
  '{',
  '}',
  '[',
  ']',
  '\n',
  '\n  ',
  '\n    ',
  '"',
  "'",
  '# clew-lint-ignore',
  'relabel_configs:',
  '- target_label: user_id',
  '---',
  '\t',
  'x.yaml: |',
  '\u0000',
  '𝄞',
  '? ',
  ': ',
];
const texts = fc.oneof(
  fc.array(fc.constantFrom(...words), { maxLength: 40 }).map((parts) => parts.join(' ')),
  fc.string({ unit: 'binary' }),
);

describe('any text', () => {
  const seed = testSeed;
  it(`is linted without a crash (seed ${seed})`, () => {
    fc.assert(
      fc.property(texts, (text) => holds(lintText, text)),
      { seed, numRuns: 400 },
    );
  });
  it('canary: a linter that fails on a tab is caught by the same property', () => {
    const broken: typeof lintText = (file, text, own) => {
      if (text.includes('\t')) throw new Error('tab');
      return lintText(file, text, own);
    };
    expect(() =>
      fc.assert(
        fc.property(texts, (text) => holds(broken, text)),
        { seed, numRuns: 400 },
      ),
    ).toThrow(/Property failed/);
  });
});

describe('formats', () => {
  const findings = lintText('dir/a b.yaml', 'pipeline_stages: [{labels: {trace_id: ""}}]', rules);
  it('for GitHub escape what would end them', () => {
    expect(
      formatFindings(
        [{ file: 'a,b:c.yaml', line: 2, column: 3, severity: 'info', rule: 'r', message: '50%\nmore' }],
        'github',
      ),
    ).toBe('::notice file=a%2Cb%3Ac.yaml,line=2,col=3,title=clew lint r::50%25%0Amore\n');
  });
  it('for scanners are SARIF 2.1.0', () => {
    const sarif = JSON.parse(formatFindings(findings, 'sarif'));
    expect(sarif.version).toBe('2.1.0');
    expect(sarif.runs[0].results[0]).toMatchObject({
      ruleId: 'trace-id',
      level: 'error',
      locations: [
        {
          physicalLocation: {
            artifactLocation: { uri: 'dir/a b.yaml' },
            region: { startLine: 1, startColumn: 29 },
          },
        },
      ],
    });
  });
  it('for people are one line each', () => {
    expect(formatFindings(findings, 'human')).toMatch(/^dir\/a b\.yaml:1:29 error trace-id: /);
  });
});
