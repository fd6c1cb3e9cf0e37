import type { Flow } from '../flow-sink.ts';
import { ipv4Text, ipv6Text, macText } from './address.ts';
import { hasPorts, icmp, icmp6, tcp } from './protocols.ts';

const ethernetBytes = 14;
/** Tags one after the other that are looked through: 802.1ad in 802.1Q is two, more is an attack or a mistake. */
const tagsMax = 4;
/** IPv6 extension headers that are looked through. */
const extensionsMax = 8;
const vlanTypes = new Set([0x8100, 0x88a8, 0x9100]);
const extensions = new Set([0, 43, 44, 51, 60, 135]);

const u16 = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);

/**
 * Reads the start of an Ethernet frame into the flow. A sampled header may end anywhere: what is there is taken, the rest
 * stays empty. False when it holds no IP packet.
 */
export function readEthernet(flow: Flow, bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < ethernetBytes) return false;
  flow.attributes.push(
    ['destinationMacAddress', macText(bytes, start)],
    ['sourceMacAddress', macText(bytes, start + 6)],
  );
  let at = start + 12;
  let type = u16(bytes, at);
  at += 2;
  for (let i = 0; i < tagsMax && vlanTypes.has(type) && at + 4 <= end; i++) {
    const vlan = u16(bytes, at) & 0xfff;
    if (flow.srcVlan === 0) flow.srcVlan = vlan;
    if (flow.dstVlan === 0) flow.dstVlan = vlan;
    type = u16(bytes, at + 2);
    at += 4;
  }
  if (type === 0x0800 || type === 0x86dd) return readIp(flow, bytes, at, end);
  flow.attributes.push(['ethernetType', `0x${type.toString(16).padStart(4, '0')}`]);
  return false;
}

/** Reads an IPv4 or IPv6 packet, as far as it is there. */
export function readIp(flow: Flow, bytes: Uint8Array, start: number, end: number): boolean {
  const version = (bytes[start] ?? 0) >> 4;
  if (version === 4) return readIpv4(flow, bytes, start, end);
  if (version === 6) return readIpv6(flow, bytes, start, end);
  return false;
}

function readIpv4(flow: Flow, bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < 20) return false;
  const headerBytes = ((bytes[start] ?? 0) & 0x0f) * 4;
  if (headerBytes < 20) return false;
  flow.tos = bytes[start + 1] ?? 0;
  flow.protocol = bytes[start + 9] ?? 0;
  flow.srcAddr = ipv4Text(bytes, start + 12);
  flow.dstAddr = ipv4Text(bytes, start + 16);
  const fragmentOffset = u16(bytes, start + 6) & 0x1fff;
  // Only the first fragment has the ports.
  if (fragmentOffset === 0) readTransport(flow, bytes, start + headerBytes, end);
  return true;
}

function readIpv6(flow: Flow, bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < 40) return false;
  flow.tos = (u16(bytes, start) >> 4) & 0xff;
  flow.srcAddr = ipv6Text(bytes, start + 8);
  flow.dstAddr = ipv6Text(bytes, start + 24);
  let next = bytes[start + 6] ?? 0;
  let at = start + 40;
  let first = true;
  for (let i = 0; i < extensionsMax && extensions.has(next) && at + 8 <= end; i++) {
    const length = bytes[at + 1] ?? 0;
    if (next === 44 && (u16(bytes, at + 2) & 0xfff8) !== 0) first = false;
    const step = next === 44 ? 8 : next === 51 ? (length + 2) * 4 : (length + 1) * 8;
    next = bytes[at] ?? 0;
    at += step;
  }
  flow.protocol = next;
  if (first) readTransport(flow, bytes, at, end);
  return true;
}

function readTransport(flow: Flow, bytes: Uint8Array, at: number, end: number): void {
  const { protocol } = flow;
  if (hasPorts(protocol) && at + 4 <= end) {
    flow.srcPort = u16(bytes, at);
    flow.dstPort = u16(bytes, at + 2);
    if (protocol === tcp && at + 14 <= end) flow.tcpFlags = u16(bytes, at + 12) & 0x1ff;
  } else if ((protocol === icmp || protocol === icmp6) && at + 2 <= end) {
    flow.attributes.push(['icmpType', String(bytes[at] ?? 0)], ['icmpCode', String(bytes[at + 1] ?? 0)]);
  }
}
