import { ByteBuffer, FixedColumn, LowCardinalityColumn, MapColumn, StringColumn } from '../lib/index.ts';
import { protocolName } from './flow/protocols.ts';
import { cutAt, keyBytesMax } from './otlp/attributes.ts';
import { TimeRule } from './otlp/time.ts';
import { blocksOf, Rejections, type Transcoded, type TranscodeLimits } from './otlp/transcoder.ts';

export type FlowType = 'netflow5' | 'netflow9' | 'ipfix' | 'sflow' | 'aws-vpc' | 'azure-nsg' | 'hubble';

/** One flow as a receiver understood it; '' and 0 where the sender said nothing. Counters are not scaled yet. */
export interface Flow {
  flowType: FlowType;
  exporter: string;
  /** Nanoseconds since 1970; 0n: not told. */
  startNs: bigint;
  endNs: bigint;
  srcAddr: string;
  dstAddr: string;
  srcPort: number;
  dstPort: number;
  protocol: number;
  bytes: number;
  packets: number;
  reverseBytes: number;
  reversePackets: number;
  /** One of so many packets was looked at; 1: each. */
  samplingRate: number;
  tcpFlags: number;
  tos: number;
  direction: '' | 'ingress' | 'egress';
  action: '' | 'ACCEPT' | 'REJECT';
  inInterface: string;
  outInterface: string;
  srcAs: number;
  dstAs: number;
  srcVlan: number;
  dstVlan: number;
  nextHop: string;
  accountId: string;
  vpcId: string;
  subnetId: string;
  instanceId: string;
  srcPod: string;
  srcNamespace: string;
  srcWorkload: string;
  dstPod: string;
  dstNamespace: string;
  dstWorkload: string;
  attributes: [key: string, value: string][];
}

export const newFlow = (flowType: FlowType, exporter: string): Flow => ({
  flowType,
  exporter,
  startNs: 0n,
  endNs: 0n,
  srcAddr: '',
  dstAddr: '',
  srcPort: 0,
  dstPort: 0,
  protocol: 0,
  bytes: 0,
  packets: 0,
  reverseBytes: 0,
  reversePackets: 0,
  samplingRate: 1,
  tcpFlags: 0,
  tos: 0,
  direction: '',
  action: '',
  inInterface: '',
  outInterface: '',
  srcAs: 0,
  dstAs: 0,
  srcVlan: 0,
  dstVlan: 0,
  nextHop: '',
  accountId: '',
  vpcId: '',
  subnetId: '',
  instanceId: '',
  srcPod: '',
  srcNamespace: '',
  srcWorkload: '',
  dstPod: '',
  dstNamespace: '',
  dstWorkload: '',
  attributes: [],
});

/** Column and field of everything that is copied as text. */
const names = [
  ['FlowType', 'flowType'],
  ['Exporter', 'exporter'],
  ['Direction', 'direction'],
  ['Action', 'action'],
  ['InInterface', 'inInterface'],
  ['OutInterface', 'outInterface'],
  ['AccountId', 'accountId'],
  ['VpcId', 'vpcId'],
  ['SubnetId', 'subnetId'],
  ['InstanceId', 'instanceId'],
  ['SrcPod', 'srcPod'],
  ['SrcNamespace', 'srcNamespace'],
  ['SrcWorkload', 'srcWorkload'],
  ['DstPod', 'dstPod'],
  ['DstNamespace', 'dstNamespace'],
  ['DstWorkload', 'dstWorkload'],
] as const;
const addresses = [
  ['SrcAddr', 'srcAddr'],
  ['DstAddr', 'dstAddr'],
  ['NextHop', 'nextHop'],
] as const;
const shorts = [
  ['SrcPort', 'srcPort'],
  ['DstPort', 'dstPort'],
  ['TcpFlags', 'tcpFlags'],
  ['SrcVlan', 'srcVlan'],
  ['DstVlan', 'dstVlan'],
] as const;
const counters = [
  ['Bytes', 'bytes'],
  ['Packets', 'packets'],
  ['ReverseBytes', 'reverseBytes'],
  ['ReversePackets', 'reversePackets'],
] as const;

const time = () => new FixedColumn("DateTime64(9, 'UTC')");
const word = () => new LowCardinalityColumn();
const uint = (bits: 8 | 16 | 32 | 64) => new FixedColumn(`UInt${bits}`);

const makeFlowColumns = () => ({
  Tenant: word(),
  Timestamp: time(),
  StartTime: time(),
  EndTime: time(),
  FlowType: word(),
  Exporter: word(),
  SrcAddr: new StringColumn(),
  DstAddr: new StringColumn(),
  SrcPort: uint(16),
  DstPort: uint(16),
  Protocol: uint(8),
  ProtocolName: word(),
  Bytes: uint(64),
  Packets: uint(64),
  ReverseBytes: uint(64),
  ReversePackets: uint(64),
  SamplingRate: uint(32),
  TcpFlags: uint(16),
  Tos: uint(8),
  Direction: word(),
  Action: word(),
  InInterface: word(),
  OutInterface: word(),
  SrcAs: uint(32),
  DstAs: uint(32),
  SrcVlan: uint(16),
  DstVlan: uint(16),
  NextHop: new StringColumn(),
  AccountId: word(),
  VpcId: word(),
  SubnetId: word(),
  InstanceId: word(),
  SrcPod: word(),
  SrcNamespace: word(),
  SrcWorkload: word(),
  DstPod: word(),
  DstNamespace: word(),
  DstWorkload: word(),
  Attributes: new MapColumn(new StringColumn()),
});

/** Times that 64 bits hold as DateTime64(9); what lies beyond was sent by a broken clock. */
const timeNsEnd = 1n << 63n;
/** Beyond this a number is no count of bytes any more, and 64-bit columns are written from exact numbers. */
const countMax = Number.MAX_SAFE_INTEGER;

/** Rows of `network_flows`, for every receiver of flows. Counters are scaled by the sampling rate here and nowhere else. */
export class FlowSink {
  private readonly columns = makeFlowColumns();
  private readonly rejections = new Rejections();
  private readonly time: TimeRule;
  private readonly attributeBytesMax: number;
  private readonly scratch = new ByteBuffer(1024);
  /** Rows since the last `take`. */
  rows = 0;

  constructor(limits: Pick<TranscodeLimits, 'attributeBytesMax' | 'clockSkewS'>) {
    this.time = new TimeRule(limits.clockSkewS);
    this.attributeBytesMax = limits.attributeBytesMax;
  }

  /** Before the rows that were received at that time. */
  receivedAt(nowMs: number): void {
    this.time.receivedAt(nowMs);
  }

  row(tenant: string, flow: Flow): void {
    const { columns } = this;
    columns.Tenant.text(tenant);
    this.times(flow);
    for (const [column, field] of names) this.text(columns[column], flow[field]);
    for (const [column, field] of addresses) columns[column].text(flow[field]);
    for (const [column, field] of shorts) columns[column].uint16(flow[field] & 0xffff);
    columns.Protocol.uint8(flow.protocol & 0xff);
    columns.ProtocolName.text(protocolName(flow.protocol));
    const rate = flow.samplingRate >= 1 ? Math.min(flow.samplingRate, 0xffff_ffff) : 1;
    for (const [column, field] of counters)
      columns[column].whole(Math.min(Math.max(0, flow[field]) * rate, countMax));
    columns.SamplingRate.int32(rate);
    columns.Tos.uint8(flow.tos & 0xff);
    columns.SrcAs.int32(flow.srcAs);
    columns.DstAs.int32(flow.dstAs);
    const { Attributes } = columns;
    for (const [key, value] of flow.attributes) {
      this.text(Attributes.keys, key);
      this.value(value);
    }
    Attributes.endRow();
    this.rows += 1;
  }

  /** Counts what can't be kept; its bytes become a dead letter. */
  reject(reason: string, payload: Uint8Array, records = 1): void {
    this.rejections.add(reason, payload, 0, payload.length, records);
  }

  /** Everything since the last call. */
  take(): Transcoded {
    const records = this.rows;
    this.rows = 0;
    const blocks = blocksOf('network_flows', this.columns, records);
    return { blocks, records, ...this.rejections.take() };
  }

  /** Forgets everything since the last `take`. */
  reset(): void {
    for (const column of Object.values(this.columns)) column.reset();
    this.rejections.take();
    this.rows = 0;
  }

  private times(flow: Flow): void {
    const { columns, time } = this;
    const end = storable(flow.endNs === 0n ? flow.startNs : flow.endNs);
    const start = storable(flow.startNs === 0n ? flow.endNs : flow.startNs);
    const fate = time.apply(Number(end & 0xffff_ffffn), Number(end >> 32n));
    columns.Timestamp.uint64(time.low, time.high);
    // A flow without any time (sFlow) was seen when it was received.
    const low = time.low;
    const high = time.high;
    for (const [column, ns] of [
      [columns.StartTime, start],
      [columns.EndTime, end],
    ] as const) {
      if (ns === 0n) column.uint64(low, high);
      else column.uint64(Number(ns & 0xffff_ffffn), Number(ns >> 32n));
    }
    if (fate === 'skewed') flow.attributes.push(['clew.time', 'received']);
  }

  private text(column: LowCardinalityColumn, text: string): void {
    if (text.length <= keyBytesMax / 3) column.text(text);
    else {
      const { bytes, end } = this.cut(text, keyBytesMax);
      column.bytes(bytes, 0, end);
    }
  }

  private value(text: string): void {
    const { values } = this.columns.Attributes;
    if (text.length <= this.attributeBytesMax / 3) values.text(text);
    else {
      const { bytes, end } = this.cut(text, this.attributeBytesMax);
      values.bytes(bytes, 0, end);
    }
  }

  private cut(text: string, bytesMax: number): { bytes: Uint8Array; end: number } {
    this.scratch.reset();
    const length = this.scratch.text(text);
    const { bytes } = this.scratch;
    return { bytes, end: length > bytesMax ? cutAt(bytes, 0, bytesMax) : length };
  }
}

const storable = (ns: bigint): bigint => (ns < 0n || ns >= timeNsEnd ? timeNsEnd - 1n : ns);
