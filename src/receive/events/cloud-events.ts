import { severityOf } from '../../model/index.ts';
import { eachItem, flattenInto, isRecord } from '../json.ts';
import { namedService, type Pair } from '../log-sink.ts';
import { unknownService } from '../otlp/resource.ts';
import { type CloudEvent, readBinary, readStructured } from './cloud-event.ts';
import { type Rollouts, writeKubernetesEvent } from './kubernetes.ts';
import { isKubernetesEvent, readKubernetesEvent } from './kubernetes-event.ts';
import type { EventSink } from './sink.ts';

const eventsMax = 50_000;
/** Fields of the data that become attributes; the data as a whole is the body. */
const pairsMax = 128;
const serviceNames = ['service.name', 'service', 'service_name', 'serviceName'];

/** Where events go, with what is remembered between them. */
export interface EventTarget {
  sink: EventSink;
  rollouts: Rollouts;
  nowMs: number;
}

export function writeCloudEvent(event: CloudEvent, { sink, rollouts, nowMs }: EventTarget): void {
  // Knative's ApiServerSource wraps the events of Kubernetes.
  if (isKubernetesEvent(event.data)) {
    readKubernetesEvent(event.data);
    writeKubernetesEvent(event.data, sink, rollouts, nowMs);
    return;
  }
  const attributes: Pair[] = [
    ['cloudevents.event_id', event.id],
    ['cloudevents.event_source', event.source],
    ['cloudevents.event_type', event.type],
    ['cloudevents.event_spec_version', '1.0'],
  ];
  if (event.subject !== '') attributes.push(['cloudevents.event_subject', event.subject]);
  if (event.dataSchema !== '') attributes.push(['cloudevents.event_data_schema', event.dataSchema]);
  for (const [key, value] of event.extensions) attributes.push([`cloudevents.extension.${key}`, value]);
  const head = attributes.length;
  if (isRecord(event.data)) flattenInto(event.data, 'data.', attributes, head + pairsMax);
  const change = deliveryOf(event, nowMs);
  const service = change?.service || serviceOf(event);
  const [, traceId = '', spanId = ''] =
    /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-/.exec(event.extensions.get('traceparent') ?? '') ?? [];
  sink.logs.resource(service ?? unknownService, namedService([], service));
  sink.logs.record({
    timeNs: event.timeNs,
    severity: severityOfCloudEvent(event),
    traceId,
    spanId,
    body: event.text === '' ? `${event.type} ${event.subject}`.trim() : event.text,
    attributes,
    eventName: event.type,
  });
  if (change !== undefined) sink.change(change);
}

/** The documented extension for severity; '' lets the data be asked. */
function severityOfCloudEvent({ extensions }: CloudEvent): string {
  const text = extensions.get('severitytext') ?? extensions.get('severity') ?? '';
  const number = Number(extensions.get('severitynumber') ?? '');
  return text !== '' ? text : number >= 1 && number <= 24 ? severityOf(number) : '';
}

/** An extension or a field that names the service, else a source that is one word, as `/checkout`. */
function serviceOf({ extensions, data, source }: CloudEvent): string | undefined {
  const extension = extensions.get('servicename') ?? extensions.get('service');
  if (extension !== undefined && extension !== '') return extension;
  if (isRecord(data)) {
    for (const name of serviceNames) {
      const value = data[name];
      if (typeof value === 'string' && value !== '') return value;
    }
  }
  return /^\/?([A-Za-z][\w.-]{0,127})$/.exec(source)?.[1];
}

const deliveryType =
  /^dev\.cdevents\.(service|environment)\.(deployed|upgraded|rolledback|removed|published|modified)\./;

/** What CDEvents tells about a delivery is a change: a service that was deployed, an environment that was modified. */
function deliveryOf(event: CloudEvent, nowMs: number) {
  const [, what, done = ''] = deliveryType.exec(event.type) ?? [];
  if (what === undefined || !isRecord(event.data) || !isRecord(event.data.subject)) return undefined;
  const { subject } = event.data;
  const id = typeof subject.id === 'string' ? subject.id : event.subject;
  const service = id.split('/').at(-1) ?? id;
  const content = isRecord(subject.content) ? subject.content : {};
  const labels: Record<string, string> = { event: event.type };
  if (typeof content.artifactId === 'string') labels.artifact = content.artifactId;
  if (isRecord(content.environment) && typeof content.environment.id === 'string')
    labels.environment = content.environment.id;
  const version = /@([^?]+)/.exec(labels.artifact ?? '')?.[1];
  if (version !== undefined) labels.version = version;
  return {
    id: `cloudevents:${event.source} ${event.id}`,
    at: event.timeNs > 0n ? Number(event.timeNs / 1_000_000n) : nowMs,
    kind: what === 'service' ? 'deploy' : 'config',
    service: what === 'service' ? service : '',
    title: `${service} ${done}${version === undefined ? '' : ` (${version})`}`,
    actor: event.source,
    labels,
  };
}

/** Structured and batched mode: one event, or an array of them. */
export function readCloudEvents(text: string, target: EventTarget): void {
  eachItem(
    text,
    eventsMax,
    (value) => writeCloudEvent(readStructured(value), target),
    (index, reason, payload) => target.sink.refuse(index, reason, payload),
  );
}

export function readBinaryCloudEvent(
  headers: Record<string, string | string[] | undefined>,
  body: Uint8Array,
  target: EventTarget,
): void {
  writeCloudEvent(readBinary(headers, body), target);
}
