import { type Flow, newFlow } from '../flow-sink.ts';
import { isoNanoseconds } from '../iso-time.ts';
import { eachItem, type Fields, isRecord, jsonText, RecordError, shown } from '../json.ts';
import { type CloudFlowSink, ipAddress, whole } from './out.ts';

/** Flows of one request. */
const recordsMax = 1_000_000;

/**
 * Flows of Cilium Hubble as `hubble observe -o json` and its exporter write them, one a line. Hubble counts neither bytes
 * nor packets: a row is one event that it saw.
 */
export function readHubble(text: string, out: CloudFlowSink): void {
  eachItem(
    text,
    recordsMax,
    (value) => {
      if (!isRecord(value)) throw new RecordError(`the line is ${shown(value)}; an object is needed`);
      if (isRecord(value.lost_events)) {
        const lost = whole(value.lost_events.num_events_lost, 'lost_events.num_events_lost');
        out.skip('lost_events', Math.max(1, lost));
      } else if (isRecord(value.node_status) || isRecord(value.agent_event) || isRecord(value.debug_event))
        out.skip('control');
      else out.flow(readFlow(isRecord(value.flow) ? value.flow : value, textOf(value.node_name)));
    },
    (_, reason, payload) => out.refuse(reason, Buffer.from(payload).toString()),
  );
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
const textsOf = (value: unknown): string =>
  Array.isArray(value) ? value.filter((item) => typeof item === 'string').join(',') : '';
const recordOf = (value: unknown): Fields => (isRecord(value) ? value : {});

/** What Hubble says of a flow's fate, in the words of a firewall. What was only looked at has none. */
const actions: Record<string, Flow['action']> = {
  FORWARDED: 'ACCEPT',
  REDIRECTED: 'ACCEPT',
  AUDIT: 'ACCEPT',
  DROPPED: 'REJECT',
  ERROR: 'REJECT',
};
const directions: Record<string, Flow['direction']> = { INGRESS: 'ingress', EGRESS: 'egress' };
const flagBits: Record<string, number> = {
  ...{ FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16, URG: 32, ECE: 64, CWR: 128, NS: 256 },
};

function readFlow(value: Fields, nodeName: string): Flow {
  const flow = newFlow('hubble', textOf(value.node_name) || nodeName);
  const ip = recordOf(value.IP);
  const verdict = textOf(value.verdict);
  if (!isRecord(value.IP) && verdict === '')
    throw new RecordError('the flow has neither IP nor verdict; lines of `hubble observe -o json` have them');
  readTime(flow, value.time);
  flow.srcAddr = ipAddress(ip.source, 'IP.source');
  flow.dstAddr = ipAddress(ip.destination, 'IP.destination');
  readTransport(flow, recordOf(value.l4));
  flow.action = actions[verdict] ?? '';
  flow.direction = directions[textOf(value.traffic_direction)] ?? '';
  const source = recordOf(value.source);
  const destination = recordOf(value.destination);
  flow.srcPod = textOf(source.pod_name);
  flow.srcNamespace = textOf(source.namespace);
  flow.srcWorkload = workloadOf(source);
  flow.dstPod = textOf(destination.pod_name);
  flow.dstNamespace = textOf(destination.namespace);
  flow.dstWorkload = workloadOf(destination);
  readAttributes(flow, value, source, destination);
  return flow;
}

function readTime(flow: Flow, value: unknown): void {
  if (value === undefined) return;
  const ns = typeof value === 'string' ? isoNanoseconds(value) : undefined;
  if (ns === undefined) throw new RecordError(`field time is ${shown(value)}; a time of RFC 3339 is needed`);
  flow.startNs = ns;
  flow.endNs = ns;
}

function readTransport(flow: Flow, l4: Fields): void {
  for (const [name, protocol] of [
    ['TCP', 6],
    ['UDP', 17],
    ['SCTP', 132],
  ] as const) {
    const part = l4[name];
    if (!isRecord(part)) continue;
    flow.protocol = protocol;
    flow.srcPort = whole(part.source_port, `l4.${name}.source_port`, 65_535);
    flow.dstPort = whole(part.destination_port, `l4.${name}.destination_port`, 65_535);
    for (const [flag, set] of Object.entries(recordOf(part.flags)))
      if (set === true) flow.tcpFlags |= flagBits[flag] ?? 0;
  }
  for (const [name, protocol] of [
    ['ICMPv4', 1],
    ['ICMPv6', 58],
  ] as const) {
    const part = l4[name];
    if (!isRecord(part)) continue;
    flow.protocol = protocol;
    flow.attributes.push(
      ['icmpType', String(whole(part.type, `l4.${name}.type`, 255))],
      ['icmpCode', String(whole(part.code, `l4.${name}.code`, 255))],
    );
  }
}

function workloadOf(end: Fields): string {
  const first = Array.isArray(end.workloads) ? recordOf(end.workloads[0]) : {};
  return textOf(first.name);
}

const plainNames = [
  'verdict',
  'Type',
  'Summary',
  'drop_reason_desc',
  'trace_observation_point',
  'uuid',
] as const;

function readAttributes(flow: Flow, value: Fields, source: Fields, destination: Fields): void {
  const put = (name: string, found: unknown) => {
    if (found === undefined || found === null || found === '') return;
    flow.attributes.push([name, typeof found === 'string' ? found : jsonText(found)]);
  };
  for (const name of plainNames) put(name, value[name]);
  put('is_reply', value.is_reply);
  put('l7', value.l7);
  for (const [side, end, names] of [
    ['source', source, value.source_names],
    ['destination', destination, value.destination_names],
  ] as const) {
    put(`${side}.identity`, end.identity);
    put(`${side}.labels`, textsOf(end.labels));
    put(`${side}.names`, textsOf(names));
  }
}
