import type { Flow } from '../flow-sink.ts';
import { ipv4Text, ipv6Text, macText } from './address.ts';
import { uintOf } from './reader.ts';
import { millisecondsNs, ntpNs } from './time.ts';

/** A record while its fields are read; what can only be understood together waits here. */
export interface Draft {
  flow: Flow;
  /** Milliseconds since the exporter started; below 0: not told. */
  startUptimeMs: number;
  endUptimeMs: number;
  /** When the exporter started, milliseconds since 1970; 0: not told. */
  systemInitMs: number;
  durationNs: bigint;
  eventNs: bigint;
  /** Sampler or selector that chose the packets; '' when none is named. */
  sampler: string;
  rate: Rate;
}

/** What tells how many packets stand behind a sampled one; 0: not told. */
export interface Rate {
  interval: number;
  space: number;
  size: number;
  population: number;
}

export const newRate = (): Rate => ({ interval: 0, space: 0, size: 0, population: 0 });

/** One of how many packets was taken; 0 when nothing tells. */
export function rateOf({ interval, space, size, population }: Rate): number {
  if (size > 0 && population > 0) return Math.max(1, Math.round(population / size));
  if (space > 0) return Math.max(1, Math.round((Math.max(1, interval) + space) / Math.max(1, interval)));
  return interval;
}

export type Apply = (draft: Draft, bytes: Uint8Array, at: number, length: number) => void;

type NumberField = {
  [K in keyof Flow]: Flow[K] extends number ? K : never;
}[keyof Flow];

const number =
  (field: NumberField): Apply =>
  ({ flow }, bytes, at, length) => {
    flow[field] = uintOf(bytes, at, length);
  };
/** Only where nothing better came: totals beside deltas, counts of one side beside those of the flow. */
const fallback =
  (field: NumberField): Apply =>
  ({ flow }, bytes, at, length) => {
    if (flow[field] === 0) flow[field] = uintOf(bytes, at, length);
  };
const zeroAddress = /^(0\.0\.0\.0|::)$/;

/** Exporters with one template for both families leave the other one's address zero. */
const address =
  (field: 'srcAddr' | 'dstAddr' | 'nextHop', width: 4 | 16): Apply =>
  ({ flow }, bytes, at, length) => {
    if (length !== width) return;
    const text = width === 4 ? ipv4Text(bytes, at) : ipv6Text(bytes, at);
    const isZero = zeroAddress.test(text);
    if (isZero && (field === 'nextHop' || flow[field] !== '')) return;
    flow[field] = text;
  };
const interfaceOf =
  (field: 'inInterface' | 'outInterface'): Apply =>
  ({ flow }, bytes, at, length) => {
    flow[field] = String(uintOf(bytes, at, length));
  };
const seconds =
  (field: 'startNs' | 'endNs'): Apply =>
  ({ flow }, bytes, at, length) => {
    flow[field] = millisecondsNs(uintOf(bytes, at, length) * 1000);
  };
const milliseconds =
  (field: 'startNs' | 'endNs'): Apply =>
  ({ flow }, bytes, at, length) => {
    flow[field] = millisecondsNs(uintOf(bytes, at, length));
  };
const ntp =
  (field: 'startNs' | 'endNs'): Apply =>
  ({ flow }, bytes, at, length) => {
    if (length === 8) flow[field] = ntpNs(uintOf(bytes, at, 4), uintOf(bytes, at + 4, 4));
  };
const draftNumber =
  (field: 'startUptimeMs' | 'endUptimeMs' | 'systemInitMs'): Apply =>
  (draft, bytes, at, length) => {
    draft[field] = uintOf(bytes, at, length);
  };
const draftNs =
  (field: 'durationNs' | 'eventNs', unitNs: bigint): Apply =>
  (draft, bytes, at, length) => {
    draft[field] = BigInt(uintOf(bytes, at, length)) * unitNs;
  };
const rate =
  (field: keyof Rate): Apply =>
  (draft, bytes, at, length) => {
    draft.rate[field] = uintOf(bytes, at, length);
  };
const sampler: Apply = (draft, bytes, at, length) => {
  draft.sampler = String(uintOf(bytes, at, length));
};

/** What the firewall or the forwarding engine did, where the number says it. */
const firewallActions: Record<number, Flow['action']> = {
  1: 'ACCEPT',
  2: 'ACCEPT',
  3: 'REJECT',
  5: 'ACCEPT',
};
const forwardingActions: readonly Flow['action'][] = ['', 'ACCEPT', 'REJECT', 'ACCEPT'];

const withAttribute =
  (id: number, apply: Apply): Apply =>
  (draft, bytes, at, length) => {
    apply(draft, bytes, at, length);
    attribute(elementName(0, id), draft, bytes, at, length);
  };

/** Information elements that have a column, by number; NetFlow 9 uses the same numbers. */
const columns = new Map<number, Apply>([
  [1, number('bytes')],
  [2, number('packets')],
  [4, number('protocol')],
  [5, number('tos')],
  [6, number('tcpFlags')],
  [7, number('srcPort')],
  [8, address('srcAddr', 4)],
  [10, interfaceOf('inInterface')],
  [11, number('dstPort')],
  [12, address('dstAddr', 4)],
  [14, interfaceOf('outInterface')],
  [15, address('nextHop', 4)],
  [16, number('srcAs')],
  [17, number('dstAs')],
  [21, draftNumber('endUptimeMs')],
  [22, draftNumber('startUptimeMs')],
  [27, address('srcAddr', 16)],
  [28, address('dstAddr', 16)],
  [32, icmpTypeCode],
  [34, rate('interval')],
  [48, sampler],
  [50, rate('interval')],
  [58, number('srcVlan')],
  [59, number('dstVlan')],
  [61, direction],
  [62, address('nextHop', 16)],
  [85, fallback('bytes')],
  [86, fallback('packets')],
  [
    89,
    withAttribute(89, ({ flow }, bytes, at) => {
      flow.action = forwardingActions[(bytes[at] ?? 0) >> 6] ?? '';
    }),
  ],
  [139, icmpTypeCode],
  [150, seconds('startNs')],
  [151, seconds('endNs')],
  [152, milliseconds('startNs')],
  [153, milliseconds('endNs')],
  [154, ntp('startNs')],
  [155, ntp('endNs')],
  [156, ntp('startNs')],
  [157, ntp('endNs')],
  [160, draftNumber('systemInitMs')],
  [161, draftNs('durationNs', 1_000_000n)],
  [162, draftNs('durationNs', 1_000n)],
  [180, fallback('srcPort')],
  [181, fallback('dstPort')],
  [182, fallback('srcPort')],
  [183, fallback('dstPort')],
  [231, fallback('bytes')],
  [232, number('reverseBytes')],
  [
    233,
    withAttribute(233, ({ flow }, bytes, at, length) => {
      flow.action = firewallActions[uintOf(bytes, at, length)] ?? '';
    }),
  ],
  [243, fallback('srcVlan')],
  [254, fallback('dstVlan')],
  [298, fallback('packets')],
  [299, number('reversePackets')],
  [302, sampler],
  [305, rate('interval')],
  [306, rate('space')],
  [309, rate('size')],
  [310, rate('population')],
  [322, draftNs('eventNs', 1_000_000_000n)],
  [323, draftNs('eventNs', 1_000_000n)],
]);

/** The other direction of a flow that is counted both ways (RFC 5103). */
const reversed = new Map<number, Apply>([
  [1, number('reverseBytes')],
  [2, number('reversePackets')],
]);
export const reverseEnterprise = 29_305;

function icmpTypeCode({ flow }: Draft, bytes: Uint8Array, at: number, length: number): void {
  if (length !== 2 || (flow.protocol !== 0 && flow.protocol !== 1 && flow.protocol !== 58)) return;
  flow.attributes.push(['icmpType', String(bytes[at] ?? 0)], ['icmpCode', String(bytes[at + 1] ?? 0)]);
}

function direction({ flow }: Draft, bytes: Uint8Array, at: number, length: number): void {
  const value = uintOf(bytes, at, length);
  if (value === 0) flow.direction = 'ingress';
  else if (value === 1) flow.direction = 'egress';
}

/** Names that IANA gives to elements which users ask for; others are `ie.<number>`. */
const names = new Map<number, string>([
  [9, 'sourceIPv4PrefixLength'],
  [13, 'destinationIPv4PrefixLength'],
  [18, 'bgpNextHopIPv4Address'],
  [23, 'postOctetDeltaCount'],
  [24, 'postPacketDeltaCount'],
  [29, 'sourceIPv6PrefixLength'],
  [30, 'destinationIPv6PrefixLength'],
  [31, 'flowLabelIPv6'],
  [35, 'samplingAlgorithm'],
  [36, 'flowActiveTimeout'],
  [37, 'flowIdleTimeout'],
  [38, 'engineType'],
  [39, 'engineId'],
  [52, 'minimumTTL'],
  [53, 'maximumTTL'],
  [54, 'fragmentIdentification'],
  [55, 'postIpClassOfService'],
  [56, 'sourceMacAddress'],
  [57, 'postDestinationMacAddress'],
  [60, 'ipVersion'],
  [63, 'bgpNextHopIPv6Address'],
  [64, 'ipv6ExtensionHeaders'],
  [70, 'mplsTopLabelStackSection'],
  [80, 'destinationMacAddress'],
  [81, 'postSourceMacAddress'],
  [82, 'interfaceName'],
  [83, 'interfaceDescription'],
  [89, 'forwardingStatus'],
  [95, 'applicationId'],
  [96, 'applicationName'],
  [130, 'exporterIPv4Address'],
  [131, 'exporterIPv6Address'],
  [136, 'flowEndReason'],
  [138, 'observationPointId'],
  [148, 'flowId'],
  [176, 'icmpType'],
  [177, 'icmpCode'],
  [178, 'icmpType'],
  [179, 'icmpCode'],
  [192, 'ipTTL'],
  [225, 'postNATSourceIPv4Address'],
  [226, 'postNATDestinationIPv4Address'],
  [227, 'postNAPTSourceTransportPort'],
  [228, 'postNAPTDestinationTransportPort'],
  [230, 'natEvent'],
  [233, 'firewallEvent'],
  [234, 'ingressVRFID'],
  [235, 'egressVRFID'],
  [236, 'VRFname'],
  [239, 'biflowDirection'],
  [244, 'dot1qPriority'],
  [256, 'ethernetType'],
  [281, 'postNATSourceIPv6Address'],
  [282, 'postNATDestinationIPv6Address'],
  [371, 'userName'],
]);
const ipv4Elements = new Set([18, 130, 225, 226]);
const ipv6Elements = new Set([63, 131, 281, 282]);
const macElements = new Set([56, 57, 80, 81]);
const textElements = new Set([82, 83, 94, 96, 236, 371]);

export function elementName(enterprise: number, id: number): string {
  const name = names.get(id) ?? `ie.${id}`;
  if (enterprise === 0) return name;
  return enterprise === reverseEnterprise ? `reverse.${name}` : `ie.${enterprise}.${id}`;
}

const printable = /^[\x20-\x7e]+$/;

/** A value of an element without a column, as a person would write it. */
function valueText(enterprise: number, id: number, bytes: Uint8Array, at: number, length: number): string {
  const known = enterprise === 0 || enterprise === reverseEnterprise;
  if (known && length === 4 && ipv4Elements.has(id)) return ipv4Text(bytes, at);
  if (known && length === 16 && ipv6Elements.has(id)) return ipv6Text(bytes, at);
  if (known && length === 6 && macElements.has(id)) return macText(bytes, at);
  const raw = Buffer.from(bytes.buffer, bytes.byteOffset + at, length);
  if (known && textElements.has(id)) return raw.toString('utf8').replace(/\0+$/, '');
  if (length <= 6) return String(uintOf(bytes, at, length));
  if (length <= 8) return BigInt(`0x${raw.toString('hex')}`).toString();
  const text = raw.toString('latin1').replace(/\0+$/, '');
  return printable.test(text) ? text : raw.toString('hex');
}

function attribute(name: string, draft: Draft, bytes: Uint8Array, at: number, length: number): void {
  draft.flow.attributes.push([name, valueText(0, 0, bytes, at, length)]);
}

/** How one field of a template is read into a record. */
export function applyOf(enterprise: number, id: number): Apply {
  const known =
    enterprise === 0 ? columns.get(id) : enterprise === reverseEnterprise ? reversed.get(id) : undefined;
  if (known !== undefined) return known;
  // Padding.
  if (enterprise === 0 && id === 210) return () => undefined;
  const name = elementName(enterprise, id);
  return ({ flow }, bytes, at, length) => {
    flow.attributes.push([name, valueText(enterprise, id, bytes, at, length)]);
  };
}
