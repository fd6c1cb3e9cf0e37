import { type Flow, newFlow } from '../flow-sink.ts';
import { eachItem, type Fields, isRecord, RecordError, shown } from '../json.ts';
import { type CloudFlowSink, ipAddress, secondsNs, whole } from './out.ts';

/** Records of one request; a blob of an hour has sixty for each network interface. */
const recordsMax = 100_000;

/**
 * Flow logs of network security groups (versions 1 and 2) and of virtual networks (version 4), as Azure writes them into a
 * blob or hands them to an event hub: `{"records": […]}`, a list, or one record a line.
 */
export function readAzure(text: string, out: CloudFlowSink): void {
  const itemsOf = (value: unknown): unknown[] | undefined => {
    if (Array.isArray(value)) return value;
    return isRecord(value) && Array.isArray(value.records) ? value.records : undefined;
  };
  const read = (value: unknown) => {
    // An event hub puts several frames one a line.
    const inner = isRecord(value) && Array.isArray(value.records) ? value.records : [value];
    for (const record of inner) readRecord(record, out);
  };
  eachItem(
    text,
    recordsMax,
    read,
    (_, reason, payload) => out.refuse(reason, Buffer.from(payload).toString()),
    itemsOf,
  );
}

interface Origin {
  exporter: string;
  accountId: string;
  vpcId: string;
  subnetId: string;
  attributes: [string, string][];
}

const segment = (path: string, name: string): string =>
  new RegExp(`/${name}/([^/]+)`, 'i').exec(path)?.[1] ?? '';
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

function originOf(record: Fields): Origin {
  const resource = textOf(record.flowLogResourceID) || textOf(record.resourceId);
  const target = textOf(record.targetResourceID);
  const attributes: [string, string][] = [];
  const add = (name: string, value: string) => {
    if (value !== '') attributes.push([name, value]);
  };
  add('resourceId', textOf(record.resourceId) || resource);
  add('targetResourceId', target);
  add('mac', textOf(record.macAddress));
  add('category', textOf(record.category));
  return {
    exporter:
      segment(resource, 'networksecuritygroups') ||
      segment(resource, 'flowlogs') ||
      textOf(record.macAddress),
    accountId: segment(resource, 'subscriptions').toLowerCase(),
    vpcId: segment(target, 'virtualnetworks'),
    subnetId: segment(target, 'subnets'),
    attributes,
  };
}

function listOf(value: unknown, name: string): unknown[] {
  if (!Array.isArray(value)) throw new RecordError(`field ${name} is ${shown(value)}; a list is needed`);
  return value;
}

function fieldsOf(value: unknown, name: string): Fields {
  if (!isRecord(value)) throw new RecordError(`field ${name} is ${shown(value)}; an object is needed`);
  return value;
}

/** Either nesting is: rule, then a group (interface or access list), then tuples of text. */
function readRecord(value: unknown, out: CloudFlowSink): void {
  const record = fieldsOf(value, 'records[]');
  const origin = originOf(record);
  if (isRecord(record.flowRecords)) {
    for (const flow of listOf(record.flowRecords.flows, 'flowRecords.flows')) {
      const { aclID, flowGroups } = fieldsOf(flow, 'flowRecords.flows[]');
      for (const group of listOf(flowGroups, 'flowGroups')) {
        const { rule, flowTuples } = fieldsOf(group, 'flowGroups[]');
        const marks = marksOf({ rule, aclID });
        for (const tuple of listOf(flowTuples, 'flowTuples'))
          readTuple(tuple, origin, marks, readVirtualNetwork, out);
      }
    }
    return;
  }
  const properties = fieldsOf(record.properties, 'properties');
  const version = whole(properties.Version ?? 1, 'properties.Version');
  if (version !== 1 && version !== 2)
    throw new RecordError(`field properties.Version is ${version}; 1 and 2 are understood`);
  for (const ruled of listOf(properties.flows, 'properties.flows')) {
    const { rule, flows } = fieldsOf(ruled, 'properties.flows[]');
    for (const flow of listOf(flows, 'properties.flows[].flows')) {
      const { mac, flowTuples } = fieldsOf(flow, 'properties.flows[].flows[]');
      const marks = marksOf({ rule, mac });
      for (const tuple of listOf(flowTuples, 'flowTuples'))
        readTuple(tuple, origin, marks, readSecurityGroup, out);
    }
  }
}

const marksOf = (values: Record<string, unknown>): [string, string][] =>
  Object.entries(values).filter(
    (pair): pair is [string, string] => typeof pair[1] === 'string' && pair[1] !== '',
  );

function readTuple(
  tuple: unknown,
  origin: Origin,
  marks: [string, string][],
  read: (flow: Flow, parts: readonly string[]) => void,
  out: CloudFlowSink,
): void {
  out.attempt(
    () => (typeof tuple === 'string' ? tuple : shown(tuple)),
    () => {
      if (typeof tuple !== 'string') throw new RecordError(`a tuple is ${shown(tuple)}; a text is needed`);
      const flow = newFlow('azure-nsg', origin.exporter);
      flow.accountId = origin.accountId;
      flow.vpcId = origin.vpcId;
      flow.subnetId = origin.subnetId;
      const named = new Set(marks.map(([name]) => name));
      flow.attributes.push(...origin.attributes.filter(([name]) => !named.has(name)), ...marks);
      read(flow, tuple.split(',', 20));
      out.flow(flow);
    },
  );
}

function readEnds(flow: Flow, parts: readonly string[]): void {
  flow.srcAddr = ipAddress(parts[1], 'source address');
  flow.dstAddr = ipAddress(parts[2], 'destination address');
  if (flow.srcAddr === '' || flow.dstAddr === '') throw new RecordError('the tuple has no addresses');
  flow.srcPort = whole(parts[3], 'source port', 65_535);
  flow.dstPort = whole(parts[4], 'destination port', 65_535);
  const direction = parts[6];
  if (direction !== 'I' && direction !== 'O')
    throw new RecordError(`the direction is ${shown(direction)}; I or O is needed`);
  flow.direction = direction === 'I' ? 'ingress' : 'egress';
}

const states: Record<string, string> = { B: 'begin', C: 'continuing', E: 'end', D: 'denied' };

function readCounts(flow: Flow, state: string | undefined, counts: readonly (string | undefined)[]): void {
  const name = states[state ?? ''];
  if (name === undefined) throw new RecordError(`the flow state is ${shown(state)}; B, C, E or D is needed`);
  flow.attributes.push(['flowState', name]);
  const [packets, bytes, reversePackets, reverseBytes] = counts;
  flow.packets = whole(packets, 'packets sent');
  flow.bytes = whole(bytes, 'bytes sent');
  flow.reversePackets = whole(reversePackets, 'packets received');
  flow.reverseBytes = whole(reverseBytes, 'bytes received');
}

/** `time,src,dst,port,port,T|U,I|O,A|D` and in version 2 `,state,packets,bytes,packets,bytes`. */
function readSecurityGroup(flow: Flow, parts: readonly string[]): void {
  if (parts.length !== 8 && parts.length !== 13)
    throw new RecordError(`the tuple has ${parts.length} parts; 8 (version 1) or 13 (version 2) are needed`);
  flow.startNs = secondsNs(parts[0], 'time');
  flow.endNs = flow.startNs;
  readEnds(flow, parts);
  const [, , , , , protocol, , decision, state, ...counts] = parts;
  if (protocol !== 'T' && protocol !== 'U')
    throw new RecordError(`the protocol is ${shown(protocol)}; T or U is needed`);
  flow.protocol = protocol === 'T' ? 6 : 17;
  if (decision !== 'A' && decision !== 'D')
    throw new RecordError(`the decision is ${shown(decision)}; A or D is needed`);
  flow.action = decision === 'A' ? 'ACCEPT' : 'REJECT';
  if (parts.length === 13) readCounts(flow, state, counts);
}

/** `milliseconds,src,dst,port,port,protocol,I|O,state,encryption,packets,bytes,packets,bytes`. */
function readVirtualNetwork(flow: Flow, parts: readonly string[]): void {
  if (parts.length !== 13)
    throw new RecordError(`the tuple has ${parts.length} parts; a virtual network's has 13`);
  flow.startNs = BigInt(whole(parts[0], 'time')) * 1_000_000n;
  flow.endNs = flow.startNs;
  readEnds(flow, parts);
  flow.protocol = whole(parts[5], 'protocol', 255);
  const [, , , , , , , state, encryption = '', ...counts] = parts;
  readCounts(flow, state, counts);
  flow.action = state === 'D' ? 'REJECT' : 'ACCEPT';
  if (encryption !== '') flow.attributes.push(['encryption', encryption]);
}
