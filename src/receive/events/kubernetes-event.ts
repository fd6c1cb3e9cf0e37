import { isoNanoseconds } from '../iso-time.ts';
import { type Fields, isRecord, RecordError, shown } from '../json.ts';
import { appOf, type Workload, workloadOf, workloadOfOwners } from '../kubernetes.ts';
import type { Pair } from '../log-sink.ts';

/** An Event of v1 or of events.k8s.io/v1, with the names of both brought together. */
export interface KubernetesEvent {
  timeNs: bigint;
  reason: string;
  message: string;
  /** `Normal` or `Warning`. */
  type: string;
  uid: string;
  namespace: string;
  /** Of what it tells: `Pod`, `Deployment`, `Node`. */
  kind: string;
  name: string;
  workload: Workload;
  service: string;
  resource: Pair[];
  attributes: Pair[];
}

const field = (owner: Fields, key: string, path: string): string => {
  const value = owner[key];
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  throw new RecordError(`${path}${key} is ${shown(value)}, a string is needed`);
};

const part = (owner: Fields, key: string): Fields => {
  const value = owner[key];
  if (value === undefined || value === null) return {};
  if (isRecord(value)) return value;
  throw new RecordError(`${key} is ${shown(value)}, an object is needed`);
};

/** The newest of the times that an event carries; it repeats with the same name while it goes on. */
function timeOf(event: Fields): bigint {
  const series = part(event, 'series');
  const metadata = part(event, 'metadata');
  const times: [string, unknown][] = [
    ['series.lastObservedTime', series.lastObservedTime],
    ['lastTimestamp', event.lastTimestamp],
    ['deprecatedLastTimestamp', event.deprecatedLastTimestamp],
    ['eventTime', event.eventTime],
    ['firstTimestamp', event.firstTimestamp],
    ['metadata.creationTimestamp', metadata.creationTimestamp],
  ];
  for (const [name, value] of times) {
    if (value === undefined || value === null || value === '') continue;
    const ns = typeof value === 'string' ? isoNanoseconds(value) : undefined;
    if (ns === undefined) throw new RecordError(`${name} is ${shown(value)}, an RFC 3339 time is needed`);
    return ns;
  }
  return 0n;
}

export const isKubernetesEvent = (value: unknown): value is Fields =>
  isRecord(value) && (isRecord(value.involvedObject) || isRecord(value.regarding));

/** Throws RecordError. */
export function readKubernetesEvent(event: Fields): KubernetesEvent {
  const path = isRecord(event.regarding) ? 'regarding' : 'involvedObject';
  const about = event[path];
  if (!isRecord(about))
    throw new RecordError(`involvedObject (v1) or regarding (events.k8s.io/v1) is missing`);
  const kind = field(about, 'kind', `${path}.`);
  const name = field(about, 'name', `${path}.`);
  if (kind === '') throw new RecordError(`${path}.kind is missing`);
  const reason = field(event, 'reason', '');
  if (reason === '') throw new RecordError('reason is missing');
  const metadata = part(event, 'metadata');
  const message = field(event, 'message', '') || field(event, 'note', '');
  const owned = workloadOfOwners(about.ownerReferences);
  const workload = owned.name === '' ? workloadOf(kind, name) : owned;
  const reporter = reporterOf(event);
  const service = appOf(about.labels) || workload.name || reporter.component || 'kubernetes';
  const namespace = field(about, 'namespace', `${path}.`) || field(metadata, 'namespace', 'metadata.');
  return {
    timeNs: timeOf(event),
    reason,
    message,
    type: field(event, 'type', '') || 'Normal',
    uid: field(metadata, 'uid', 'metadata.'),
    namespace: kind === 'Node' ? '' : namespace,
    kind,
    name,
    workload,
    service,
    resource: resourceOf(event, about, { kind, name, namespace, service, workload, host: reporter.host }),
    attributes: attributesOf(event, metadata, reporter),
  };
}

interface Reporter {
  component: string;
  host: string;
}

function reporterOf(event: Fields): Reporter {
  const source = part(event, 'source');
  const old = part(event, 'deprecatedSource');
  const component =
    field(event, 'reportingController', '') ||
    field(event, 'reportingComponent', '') ||
    field(source, 'component', 'source.') ||
    field(old, 'component', 'deprecatedSource.');
  return { component, host: field(source, 'host', 'source.') || field(old, 'host', 'deprecatedSource.') };
}

interface About {
  kind: string;
  name: string;
  namespace: string;
  service: string;
  workload: Workload;
  host: string;
}

function resourceOf(event: Fields, object: Fields, about: About): Pair[] {
  const { kind, name, namespace, service, workload, host } = about;
  const uid = field(object, 'uid', 'involvedObject.');
  const container = /^spec\.(?:initC|ephemeralC|c)ontainers\{(.+)\}$/.exec(
    field(object, 'fieldPath', 'involvedObject.'),
  )?.[1];
  const node = kind === 'Node' ? name : host;
  const isPod = kind === 'Pod';
  const pairs: Pair[] = [
    ['service.name', service],
    ['k8s.cluster.name', field(event, 'clusterName', '')],
    ['k8s.namespace.name', kind === 'Node' ? '' : namespace],
    ['k8s.node.name', node],
    ['k8s.pod.name', isPod ? name : ''],
    ['k8s.pod.uid', isPod ? uid : ''],
    ['k8s.container.name', container ?? ''],
    ...workload.attributes,
    ['k8s.object.kind', kind],
    ['k8s.object.name', name],
    ['k8s.object.api_version', field(object, 'apiVersion', 'involvedObject.')],
    ['k8s.object.uid', isPod ? '' : uid],
  ];
  return pairs.filter(([, value]) => value !== '');
}

function attributesOf(event: Fields, metadata: Fields, reporter: Reporter): Pair[] {
  const series = part(event, 'series');
  const count = series.count ?? event.count ?? event.deprecatedCount;
  const image = /(?:image|Image) "([^"\s]{1,512})"/.exec(
    field(event, 'message', '') || field(event, 'note', ''),
  )?.[1];
  const pairs: Pair[] = [
    ['k8s.event.reason', field(event, 'reason', '')],
    ['k8s.event.action', field(event, 'action', '')],
    ['k8s.event.name', field(metadata, 'name', 'metadata.')],
    ['k8s.event.uid', field(metadata, 'uid', 'metadata.')],
    ['k8s.event.count', typeof count === 'number' ? String(count) : ''],
    [
      'k8s.event.start_time',
      field(event, 'firstTimestamp', '') || field(event, 'deprecatedFirstTimestamp', ''),
    ],
    ['k8s.event.reporter', reporter.component],
    ['container.image.name', image ?? ''],
  ];
  return pairs.filter(([, value]) => value !== '');
}
