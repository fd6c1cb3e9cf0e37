import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClewError } from '../../lib/index.ts';
import { RecordError } from '../json.ts';
import { MalformedError } from '../otlp/wire.ts';
import { readStructured } from './cloud-event.ts';
import { type EventTarget, readBinaryCloudEvent, readCloudEvents } from './cloud-events.ts';
import { hooks } from './hooks.ts';
import { Rollouts, readKubernetes, severityOfEvent } from './kubernetes.ts';
import { readKubernetesEvent } from './kubernetes-event.ts';
import { EventSink } from './sink.ts';

/** Set to repeat a run; fast-check prints the seed of a failure as well. */
const seed = 20_261_120;
const nowMs = Date.UTC(2026, 0, 2);
const limits = { attributeBytesMax: 100, bodyFieldBytesMax: 100, clockSkewS: 60 };

const target = (): EventTarget => ({ sink: new EventSink(limits), rollouts: new Rollouts(), nowMs });

/** What becomes of one request, through the same sink as in production. */
function collect(read: (to: EventTarget) => void, to = target()) {
  const kept = to.sink.collect('t', nowMs, () => read(to));
  return { kept, report: to.sink.report };
}

const cloudEvent = { specversion: '1.0', id: '1', source: '/till', type: 'order.paid' };
const podEvent = {
  kind: 'Event',
  apiVersion: 'v1',
  metadata: { name: 'x.1', namespace: 'shop', uid: 'u-1' },
  involvedObject: {
    kind: 'Pod',
    name: 'checkout-7d9f8b6c54-x2kqz',
    namespace: 'shop',
    uid: 'p-1',
    apiVersion: 'v1',
    fieldPath: 'spec.containers{app}',
  },
  reason: 'BackOff',
  message: 'Back-off restarting failed container app in pod checkout',
  type: 'Warning',
  count: 7,
  lastTimestamp: '2026-01-01T10:00:00Z',
  source: { component: 'kubelet', host: 'node-1' },
};

describe('a cloud event that breaks the specification is refused with the reason', () => {
  const table: [string, object | string, string][] = [
    ['no version', { ...cloudEvent, specversion: undefined }, 'specversion is missing, "1.0" is needed'],
    ['an old version', { ...cloudEvent, specversion: '0.3' }, 'specversion is "0.3", "1.0" is needed'],
    ['no id', { ...cloudEvent, id: undefined }, 'id is missing'],
    ['an empty source', { ...cloudEvent, source: '' }, 'source is empty'],
    ['a number as type', { ...cloudEvent, type: 4 }, 'type is 4, a string is needed'],
    ['a time that is none', { ...cloudEvent, time: 'soon' }, 'time is "soon", an RFC 3339 time is needed'],
    [
      'an object as extension',
      { ...cloudEvent, ext: {} },
      'ext is an object; attributes of CloudEvents are strings, numbers or booleans',
    ],
    [
      'an upper-case extension',
      { ...cloudEvent, myExt: 'a' },
      'the attribute name "myExt" may hold only lower-case letters and digits',
    ],
    ['data twice', { ...cloudEvent, data: 1, data_base64: 'AA==' }, 'data and data_base64 are both there'],
    ['base64 that is none', { ...cloudEvent, data_base64: '?' }, 'data_base64 is "?", base64 is needed'],
    ['an array', [[1]], 'it is an array, an object is needed'],
    ['a number', '7', 'it is 7, an object is needed'],
  ];
  it.each(table)('%s', (_name, value, reason) => {
    const { kept, report } = collect((to) =>
      readCloudEvents(typeof value === 'string' ? value : JSON.stringify(value), to),
    );
    expect(report.errors).toEqual([{ index: 0, reason }]);
    expect(kept).toMatchObject({ records: 0, rejected: 1 });
    expect(kept.rejections[0]?.reason).toBe(`record 0: ${reason}`);
  });

  it('a body that is no JSON is malformed as a whole', () => {
    expect(() => collect((to) => readCloudEvents('{', to))).toThrow(MalformedError);
    expect(() => collect((to) => readCloudEvents('{', to))).toThrow(/^The body is not JSON: /);
  });

  it('in binary mode names the header', () => {
    const read = (headers: Record<string, string>, body = '') =>
      collect((to) => readBinaryCloudEvent(headers, Buffer.from(body), to));
    expect(() => read({ 'ce-specversion': '1.0', 'ce-id': '1', 'ce-type': 't' })).toThrow(
      'the header ce-source is missing',
    );
    const head = { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-type': 't', 'ce-source': 's' };
    expect(() => read({ ...head, 'content-type': 'application/json' }, '{')).toThrow(/^its data is not JSON/);
    expect(read({ ...head, 'content-type': 'image/png' }, '\u0000').kept.records).toBe(1);
  });
});

describe('a batch', () => {
  it('keeps what is good and says which is not', () => {
    const { kept, report } = collect((to) =>
      readCloudEvents(JSON.stringify([cloudEvent, { id: 'x' }, { ...cloudEvent, id: '2' }]), to),
    );
    expect(kept).toMatchObject({ records: 2, rejected: 1 });
    expect(report).toEqual({
      accepted: 2,
      rejected: 1,
      ignored: 0,
      changes: 0,
      errors: [{ index: 1, reason: 'specversion is missing, "1.0" is needed' }],
    });
  });

  it('of lines of which one is broken keeps the others', () => {
    const lines = [JSON.stringify(cloudEvent), '{"broken"', JSON.stringify(cloudEvent)].join('\n');
    const { report } = collect((to) => readCloudEvents(lines, to));
    expect(report).toMatchObject({ accepted: 2, rejected: 1, errors: [{ index: 1 }] });
  });
});

describe('an event of Kubernetes', () => {
  it('names the workload behind the pod, and says how bad it is', () => {
    const event = readKubernetesEvent(podEvent);
    expect(event).toMatchObject({
      service: 'checkout',
      namespace: 'shop',
      timeNs: BigInt(Date.parse('2026-01-01T10:00:00Z')) * 1_000_000n,
    });
    expect(Object.fromEntries(event.resource)).toEqual({
      'service.name': 'checkout',
      'k8s.namespace.name': 'shop',
      'k8s.node.name': 'node-1',
      'k8s.pod.name': 'checkout-7d9f8b6c54-x2kqz',
      'k8s.pod.uid': 'p-1',
      'k8s.container.name': 'app',
      'k8s.replicaset.name': 'checkout-7d9f8b6c54',
      'k8s.deployment.name': 'checkout',
      'k8s.object.kind': 'Pod',
      'k8s.object.name': 'checkout-7d9f8b6c54-x2kqz',
      'k8s.object.api_version': 'v1',
    });
    expect(Object.fromEntries(event.attributes)).toMatchObject({
      'k8s.event.reason': 'BackOff',
      'k8s.event.count': '7',
    });
  });

  it('of events.k8s.io/v1 reads the same', () => {
    const { involvedObject, message, lastTimestamp, source, count, ...rest } = podEvent;
    const series = { count, lastObservedTime: '2026-01-01T10:00:00.000000Z' };
    const modern = {
      ...rest,
      apiVersion: 'events.k8s.io/v1',
      regarding: involvedObject,
      note: message,
      series,
      deprecatedSource: source,
    };
    const [old, now] = [readKubernetesEvent(podEvent), readKubernetesEvent(modern)];
    expect({ ...now, attributes: [] }).toEqual({ ...old, attributes: [] });
    expect(Object.fromEntries(now.attributes)['k8s.event.count']).toBe('7');
  });

  const services: [string, string, string][] = [
    ['Pod', 'checkout-7d9f8b6c54-x2kqz', 'checkout'],
    ['Pod', 'db-0', 'db'],
    ['Pod', 'report-28412345-x2kqz', 'report'],
    ['Pod', 'fluent-bit-x2kqz', 'fluent-bit'],
    ['Pod', 'alone', 'alone'],
    ['ReplicaSet', 'checkout-7d9f8b6c54', 'checkout'],
    ['Deployment', 'checkout', 'checkout'],
    ['CronJob', 'report', 'report'],
    ['Node', 'node-1', 'kubelet'],
  ];
  it.each(services)('about the %s %s belongs to %s', (kind, name, service) => {
    expect(readKubernetesEvent({ ...podEvent, involvedObject: { kind, name } }).service).toBe(service);
  });

  it('takes labels and owners, which the event exporter adds, before the name', () => {
    const about = { kind: 'Pod', name: 'abc', ownerReferences: [{ kind: 'DaemonSet', name: 'agent' }] };
    expect(readKubernetesEvent({ ...podEvent, involvedObject: about }).service).toBe('agent');
    const labels = { 'app_kubernetes_io/name': 'named' };
    expect(readKubernetesEvent({ ...podEvent, involvedObject: { ...about, labels } }).service).toBe('named');
  });

  const severities: [string, string, string, string][] = [
    ['Normal', 'Scheduled', '', 'INFO'],
    ['Normal', 'Killing', 'Container app failed liveness probe, will be restarted', 'WARN'],
    ['Warning', 'Unhealthy', 'Readiness probe failed', 'WARN'],
    ['Warning', 'BackOff', '', 'ERROR'],
    ['Warning', 'OOMKilling', '', 'ERROR'],
    ['Warning', 'FailedScheduling', '', 'ERROR'],
    ['Warning', 'SystemOOM', '', 'FATAL'],
  ];
  it.each(severities)('%s %s %s is %s', (type, reason, message, severity) => {
    expect(severityOfEvent({ type, reason, message })).toBe(severity);
  });

  const bad: [string, unknown, string][] = [
    ['a text', 'x', 'it is "x", an Event is needed'],
    [
      'a pod',
      { kind: 'Pod', metadata: {} },
      'involvedObject (v1) or regarding (events.k8s.io/v1) is missing',
    ],
    ['no kind', { ...podEvent, involvedObject: {} }, 'involvedObject.kind is missing'],
    ['no reason', { ...podEvent, reason: null }, 'reason is missing'],
    ['a number as message', { ...podEvent, message: 1 }, 'message is 1, a string is needed'],
    ['a bad time', { ...podEvent, lastTimestamp: 'x' }, 'lastTimestamp is "x", an RFC 3339 time is needed'],
    ['metadata as text', { ...podEvent, metadata: 'x' }, 'metadata is "x", an object is needed'],
  ];
  it.each(bad)('that is %s is refused', (_name, value, reason) => {
    const { report } = collect((to) => readKubernetes(JSON.stringify([value]), to.sink, to.rollouts, nowMs));
    expect(report.errors).toEqual([{ index: 0, reason }]);
  });

  it('comes alone, in a list, in an array, a line each, or in the frames of a watch', () => {
    const text = JSON.stringify(podEvent);
    const forms: [string, object][] = [
      [text, { accepted: 1 }],
      [JSON.stringify({ kind: 'EventList', items: [podEvent, podEvent] }), { accepted: 2 }],
      [JSON.stringify([podEvent]), { accepted: 1 }],
      [`${text}\n${text}\n`, { accepted: 2 }],
      [`{"type":"ADDED","object":${text}}\n{"type":"DELETED","object":${text}}`, { accepted: 1, ignored: 1 }],
    ];
    for (const [body, expected] of forms) {
      const { report } = collect((to) => readKubernetes(body, to.sink, to.rollouts, nowMs));
      expect(report).toMatchObject({ ...expected, rejected: 0 });
    }
  });
});

describe('a rollout', () => {
  const scaled = (message: string, minute: number, uid = `u${minute}`) =>
    readKubernetesEvent({
      ...podEvent,
      metadata: { uid },
      involvedObject: { kind: 'Deployment', name: 'checkout', namespace: 'shop' },
      reason: 'ScalingReplicaSet',
      message,
      lastTimestamp: new Date(nowMs + minute * 60_000).toISOString(),
    });
  it('is one change, and its steps are none; scaling later is a change of its own', () => {
    const rollouts = new Rollouts();
    const kinds = [
      ['Scaled up replica set checkout-7d9f8b6c54 to 1 from 0', 0],
      ['Scaled down replica set checkout-5c6f to 2 from 3', 1],
      ['Scaled up replica set checkout-7d9f8b6c54 to 2 from 1', 2],
      ['Scaled down replica set checkout-5c6f to 0 from 2', 3],
      ['Scaled up replica set checkout-7d9f8b6c54 to 9 from 2', 60],
      ['Scaled up replica set checkout-84c7 to 1', 120],
    ].map(([message, minute]) => rollouts.changeOf(scaled(String(message), Number(minute)), nowMs));
    expect(kinds.map((change) => change?.kind)).toEqual([
      'rollout',
      undefined,
      undefined,
      undefined,
      'scale',
      'rollout',
    ]);
    expect(kinds[4]).toMatchObject({
      service: 'checkout',
      labels: { replicas: '9', previous_replicas: '2' },
    });
  });
});

describe('a webhook of a delivery tool', () => {
  const repository = { name: 'checkout', full_name: 'acme/checkout', default_branch: 'main' };
  const deployment = {
    id: 7,
    ref: 'v2',
    environment: 'production',
    created_at: '2026-01-01T00:00:00Z',
    sha: 'abc',
  };
  const github = (event: string, body: object) =>
    hooks.github?.read(JSON.stringify(body), { 'x-github-event': event }, nowMs);
  it('of GitHub tells a deployment once, its end under the same id and time', () => {
    const began = github('deployment', { deployment, repository });
    const ended = github('deployment_status', {
      deployment,
      repository,
      deployment_status: { state: 'success' },
    });
    expect(began).toMatchObject({
      kind: 'deploy',
      service: 'checkout',
      labels: { version: 'v2', state: 'started' },
    });
    expect(ended).toMatchObject({ id: began?.id, at: began?.at, labels: { state: 'success' } });
    expect(
      github('deployment_status', { deployment, repository, deployment_status: { state: 'pending' } }),
    ).toBeUndefined();
    expect(github('ping', {})).toBeUndefined();
    expect(
      github('push', {
        ref: 'refs/heads/main',
        after: 'abc',
        repository,
        head_commit: { message: 'Fix\nmore' },
      }),
    ).toMatchObject({ kind: 'commit', title: 'checkout main: Fix', at: nowMs });
    expect(github('push', { ref: 'refs/heads/topic', after: 'abc', repository })).toBeUndefined();
    expect(() => github('deployment', { repository })).toThrow('deployment.id is missing, a text is needed');
    expect(() => hooks.github?.read('{}', {}, nowMs)).toThrow('the header x-github-event is missing');
  });
  it('of GitLab reads its own form of time', () => {
    const body = {
      object_kind: 'deployment',
      status: 'running',
      deployment_id: 15,
      status_changed_at: '2021-04-28 21:50:00 +0200',
      project: { name: 'till' },
      environment: 'staging',
      ref: 'v3',
    };
    expect(hooks.gitlab?.read(JSON.stringify(body), {}, nowMs)).toMatchObject({
      at: Date.parse('2021-04-28T19:50:00Z'),
      service: 'till',
      kind: 'deploy',
    });
    expect(() => hooks.gitlab?.read('[]', {}, nowMs)).toThrow(RecordError);
  });
  it('of Argo CD is read from the application itself', () => {
    const app = {
      metadata: { name: 'till' },
      status: {
        operationState: {
          phase: 'Succeeded',
          startedAt: '2026-01-01T00:00:00Z',
          syncResult: { revision: 'abc' },
        },
      },
    };
    expect(hooks.argocd?.read(JSON.stringify({ app }), {}, nowMs)).toMatchObject({
      service: 'till',
      labels: { version: 'abc', state: 'succeeded' },
    });
  });
});

/** No decoder may throw anything but its own errors, whatever it is given. */
function neverBreaks(read: (text: string, to: EventTarget) => void, texts: fc.Arbitrary<string>) {
  return fc.property(texts, (text) => {
    try {
      collect((to) => read(text, to));
    } catch (error) {
      if (
        !(error instanceof MalformedError) &&
        !(error instanceof RecordError) &&
        !(error instanceof ClewError)
      )
        throw error;
    }
  });
}

describe('fuzz', () => {
  const value = fc.oneof(
    { depthSize: 'small' },
    fc.jsonValue(),
    fc.constantFrom('', '1.0', 'Normal', '2026-01-01T00:00:00Z', 0, -1, null, [], {}),
  );
  const shapes = (example: object) =>
    fc.oneof(
      fc.string(),
      fc.json(),
      fc
        .record(Object.fromEntries(Object.keys(example).map((key) => [key, value])), { requiredKeys: [] })
        .map((part) => JSON.stringify({ ...example, ...part })),
    );
  const decoders: [string, (text: string, to: EventTarget) => void, fc.Arbitrary<string>][] = [
    [
      'cloud events',
      readCloudEvents,
      shapes({ ...cloudEvent, time: '', data: {}, data_base64: '', ext: '' }),
    ],
    [
      'binary cloud events',
      (text, to) =>
        readBinaryCloudEvent(
          {
            'ce-id': text,
            'ce-source': text,
            'ce-type': text,
            'ce-specversion': '1.0',
            'content-type': text,
          },
          Buffer.from(text),
          to,
        ),
      fc.string(),
    ],
    [
      'kubernetes',
      (text, to) => readKubernetes(text, to.sink, to.rollouts, nowMs),
      shapes({ ...podEvent, series: {}, regarding: null }),
    ],
    ...Object.entries(hooks).map(([name, hook]): [string, (text: string) => void, fc.Arbitrary<string>] => [
      name,
      (text) => hook.read(text, { 'x-github-event': 'deployment' }, nowMs),
      shapes({
        object_kind: 'push',
        ref: 'refs/heads/main',
        after: 'a',
        repository: { name: 'a', default_branch: 'main' },
        deployment: { id: 1 },
        project: { name: 'a' },
        metadata: { name: 'a' },
        status: {},
        commits: [],
      }),
    ]),
  ];
  it.each(decoders)('%s: only typed errors', (_name, read, texts) => {
    fc.assert(neverBreaks(read, texts), { seed, numRuns: 1_000 });
  });
  it.each(decoders)('%s: the canary, a decoder that breaks, is caught', (_name, read, texts) => {
    const broken = (text: string, to: EventTarget) => {
      read(text, to);
      if (text.length % 7 === 3) throw new TypeError('canary');
    };
    expect(fc.check(neverBreaks(broken, texts), { seed, numRuns: 2_000, endOnFailure: true }).failed).toBe(
      true,
    );
  });
  it('deep nesting is refused and not followed', () => {
    const deep = `{"specversion":"1.0","id":"1","source":"s","type":"t","data":${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}}`;
    const { report } = collect((to) => readCloudEvents(deep, to));
    expect(report.accepted + report.rejected).toBe(1);
    expect(() => readStructured(JSON.parse(deep))).not.toThrow(TypeError);
  });
});
