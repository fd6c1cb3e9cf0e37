import { newFlow } from '../flow-sink.ts';
import { MalformedError } from '../otlp/wire.ts';
import { ipv4Text } from './address.ts';
import type { FlowOut } from './out.ts';
import { hasPorts, icmp } from './protocols.ts';
import { Reader } from './reader.ts';
import type { Sequences } from './sequence.ts';
import { uptimeNs } from './time.ts';

const recordBytes = 48;
/** A version 5 datagram holds up to so many records. */
const countMax = 30;

/** NetFlow version 5: fixed records, IPv4 only. `sequences` counts flows. */
export function readNetflow5(
  datagram: Uint8Array,
  exporter: string,
  sequences: Sequences,
  out: FlowOut,
): void {
  const reader = new Reader(datagram, 'NetFlow 5 datagram', 2);
  const count = reader.u16();
  if (count === 0 || count > countMax) {
    throw new MalformedError(`NetFlow 5 datagram announces ${count} records; 1 to ${countMax} are possible.`);
  }
  const uptimeMs = reader.u32();
  const nowMs = reader.u32() * 1000 + Math.floor(reader.u32() / 1_000_000);
  const sequence = reader.u32();
  const engine = `${reader.u8()}/${reader.u8()}`;
  // The two high bits are the mode; exporters that sample say so by an interval, whatever they put there.
  const samplingRate = Math.max(1, reader.u16() & 0x3fff);
  if (reader.left < count * recordBytes) {
    throw new MalformedError(
      `NetFlow 5 datagram announces ${count} records of ${recordBytes} bytes and has ${reader.left} bytes of them.`,
    );
  }
  sequences.saw(exporter, 'netflow5', engine, sequence, count);
  for (let i = 0; i < count; i++) {
    const flow = newFlow('netflow5', exporter);
    flow.samplingRate = samplingRate;
    readRecord(reader, flow, nowMs, uptimeMs);
    if (engine !== '0/0') flow.attributes.push(['engine', engine]);
    out.flow(flow);
  }
}

function readRecord(reader: Reader, flow: ReturnType<typeof newFlow>, nowMs: number, uptimeMs: number): void {
  const { bytes } = reader;
  flow.srcAddr = ipv4Text(bytes, reader.take(4));
  flow.dstAddr = ipv4Text(bytes, reader.take(4));
  const nextHop = ipv4Text(bytes, reader.take(4));
  flow.nextHop = nextHop === '0.0.0.0' ? '' : nextHop;
  flow.inInterface = String(reader.u16());
  flow.outInterface = String(reader.u16());
  flow.packets = reader.u32();
  flow.bytes = reader.u32();
  flow.startNs = uptimeNs(nowMs, uptimeMs, reader.u32());
  flow.endNs = uptimeNs(nowMs, uptimeMs, reader.u32());
  const srcPort = reader.u16();
  const dstPort = reader.u16();
  reader.take(1);
  flow.tcpFlags = reader.u8();
  flow.protocol = reader.u8();
  if (hasPorts(flow.protocol)) {
    flow.srcPort = srcPort;
    flow.dstPort = dstPort;
  } else if (flow.protocol === icmp) {
    flow.attributes.push(['icmpType', String(dstPort >> 8)], ['icmpCode', String(dstPort & 0xff)]);
  }
  flow.tos = reader.u8();
  flow.srcAs = reader.u16();
  flow.dstAs = reader.u16();
  const [srcMask, dstMask] = [reader.u8(), reader.u8()];
  if (srcMask > 0) flow.attributes.push(['sourceIPv4PrefixLength', String(srcMask)]);
  if (dstMask > 0) flow.attributes.push(['destinationIPv4PrefixLength', String(dstMask)]);
  reader.take(2);
}
