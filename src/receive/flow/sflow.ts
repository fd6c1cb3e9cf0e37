import { type Flow, newFlow } from '../flow-sink.ts';
import { MalformedError } from '../otlp/wire.ts';
import { ipv4Text, ipv6Text } from './address.ts';
import { flowCounterSamples } from './events.ts';
import { type FlowOut, recordsMax } from './out.ts';
import { readEthernet, readIp } from './packet.ts';
import { Reader } from './reader.ts';
import type { Sequences } from './sequence.ts';

/** Kinds of samples of the standard's own enterprise (0). */
const flowSample = 1;
const counterSample = 2;
const expandedFlowSample = 3;
const expandedCounterSample = 4;
/** Protocols of a raw packet header. */
const ethernet = 1;
const ipv4 = 11;
const ipv6 = 12;

/**
 * sFlow version 5: each flow sample is one packet that stands for `samplingRate`. Counter samples are counted and not
 * kept: SNMP exporters and node agents send the same counters with names and labels.
 */
export function readSflow(datagram: Uint8Array, exporter: string, sequences: Sequences, out: FlowOut): void {
  const reader = new Reader(datagram, 'sFlow datagram');
  const version = reader.u32();
  if (version !== 5) throw new MalformedError(`sFlow version ${version} is not understood; version 5 is.`);
  const agent = readAddress(reader);
  const subAgent = reader.u32();
  const sequence = reader.u32();
  reader.u32();
  const samples = reader.u32();
  if (samples > recordsMax)
    throw new MalformedError(`sFlow datagram announces ${samples} samples; the limit is ${recordsMax}.`);
  sequences.saw(exporter, 'sflow', `${agent}/${subAgent}`, sequence, 1);
  for (let i = 0; i < samples; i++) {
    const kind = reader.u32();
    const part = reader.part(reader.u32(), 'sFlow sample');
    if (kind === flowSample || kind === expandedFlowSample)
      readSample(part, kind === expandedFlowSample, agent === '' ? exporter : agent, out);
    else if (kind === counterSample || kind === expandedCounterSample) flowCounterSamples.inc();
  }
}

function readAddress(reader: Reader): string {
  const kind = reader.u32();
  if (kind === 0) return '';
  if (kind === 1) return ipv4Text(reader.bytes, reader.take(4));
  if (kind === 2) return ipv6Text(reader.bytes, reader.take(16));
  throw new MalformedError(`sFlow address type ${kind} is not understood; 1 (IPv4) and 2 (IPv6) are.`);
}

function readSample(reader: Reader, expanded: boolean, agent: string, out: FlowOut): void {
  const flow = newFlow('sflow', agent);
  reader.u32();
  const source = expanded ? [reader.u32(), reader.u32()] : split(reader.u32(), 24);
  flow.samplingRate = Math.max(1, reader.u32());
  reader.u32();
  reader.u32();
  const input = expanded ? [reader.u32(), reader.u32()] : split(reader.u32(), 30);
  const output = expanded ? [reader.u32(), reader.u32()] : split(reader.u32(), 30);
  const [sourceType = 0, sourceIndex = 0] = source;
  flow.inInterface = interfaceName(input);
  flow.outInterface = interfaceName(output);
  const [outFormat, reason] = output;
  if (outFormat === 1) {
    flow.action = 'REJECT';
    flow.attributes.push(['dropReason', String(reason)]);
  }
  if (sourceType === 0 && sourceIndex === input[1]) flow.direction = 'ingress';
  else if (sourceType === 0 && sourceIndex === output[1]) flow.direction = 'egress';
  const records = reader.u32();
  if (records > recordsMax)
    throw new MalformedError(`sFlow sample announces ${records} records; the limit is ${recordsMax}.`);
  for (let i = 0; i < records; i++) {
    const kind = reader.u32();
    readRecord(flow, kind, reader.part(reader.u32(), 'sFlow flow record'));
  }
  flow.packets = 1;
  out.flow(flow);
}

const split = (value: number, bits: number): [number, number] => [value >>> bits, value & (2 ** bits - 1)];

/** Format 0 is one interface; 1 says that the packet was dropped, 2 that it went to so many. */
const interfaceName = ([format = 0, value = 0]: readonly number[]): string => {
  if (format === 2) return `multiple(${value})`;
  return format === 0 && value !== 0 && value !== 0x3fff_ffff ? String(value) : '';
};

function readRecord(flow: Flow, kind: number, reader: Reader): void {
  if (kind === 1) readHeader(flow, reader);
  else if (kind === 3 || kind === 4) readSampledIp(flow, reader, kind === 4);
  else if (kind === 1001) {
    flow.srcVlan = reader.u32() & 0xfff;
    reader.u32();
    flow.dstVlan = reader.u32() & 0xfff;
  } else if (kind === 1002) flow.nextHop = readAddress(reader);
  else if (kind === 1003) readGateway(flow, reader);
}

function readHeader(flow: Flow, reader: Reader): void {
  const protocol = reader.u32();
  flow.bytes = reader.u32();
  reader.u32();
  const length = reader.u32();
  const start = reader.take(length);
  const { bytes } = reader;
  if (protocol === ethernet) readEthernet(flow, bytes, start, start + length);
  else if (protocol === ipv4 || protocol === ipv6) readIp(flow, bytes, start, start + length);
  else flow.attributes.push(['headerProtocol', String(protocol)]);
}

function readSampledIp(flow: Flow, reader: Reader, isIpv6: boolean): void {
  flow.bytes = reader.u32();
  flow.protocol = reader.u32();
  const { bytes } = reader;
  flow.srcAddr = isIpv6 ? ipv6Text(bytes, reader.take(16)) : ipv4Text(bytes, reader.take(4));
  flow.dstAddr = isIpv6 ? ipv6Text(bytes, reader.take(16)) : ipv4Text(bytes, reader.take(4));
  flow.srcPort = reader.u32();
  flow.dstPort = reader.u32();
  flow.tcpFlags = reader.u32();
  flow.tos = reader.u32();
}

/** BGP: the own AS, the source's, its peer, and the path to the destination, whose last number is the destination. */
function readGateway(flow: Flow, reader: Reader): void {
  flow.nextHop = readAddress(reader);
  reader.u32();
  flow.srcAs = reader.u32();
  reader.u32();
  const segments = reader.u32();
  for (let i = 0; i < segments && reader.left > 0; i++) {
    reader.u32();
    const count = reader.u32();
    const path = reader.part(count * 4, 'sFlow AS path');
    while (path.left > 0) flow.dstAs = path.u32();
  }
}
