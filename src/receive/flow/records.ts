import { newFlow } from '../flow-sink.ts';
import { MalformedError } from '../otlp/wire.ts';
import { type Draft, newRate, rateOf } from './elements.ts';
import { type FlowOut, recordsMax } from './out.ts';
import { hasPorts, icmp, icmp6 } from './protocols.ts';
import type { Reader } from './reader.ts';
import type { Sender, Session } from './session.ts';
import { type Template, variableLength } from './template.ts';
import { uptimeNs } from './time.ts';

/** Reads the records of one data set; answers how many there were. */
export function readRecords(
  reader: Reader,
  template: Template,
  session: Session,
  sender: Sender,
  out: FlowOut,
): number {
  let records = 0;
  while (reader.left >= template.recordBytesMin) {
    if (++records > recordsMax) throw new MalformedError(`A data set has more than ${recordsMax} records.`);
    const draft = newDraft(sender);
    readFields(reader, template, draft);
    if (template.scopes === undefined) finish(draft, session, sender, out);
    else learn(draft, session, template);
  }
  return records;
}

const newDraft = ({ flowType, exporter }: Sender): Draft => ({
  flow: newFlow(flowType, exporter),
  startUptimeMs: -1,
  endUptimeMs: -1,
  systemInitMs: 0,
  durationNs: 0n,
  eventNs: 0n,
  sampler: '',
  rate: newRate(),
});

function readFields(reader: Reader, template: Template, draft: Draft): void {
  for (const field of template.fields) {
    let { length } = field;
    if (length === variableLength) {
      length = reader.u8();
      if (length === 255) length = reader.u16();
    }
    const at = reader.take(length);
    if (length > 0) field.apply(draft, reader.bytes, at, length);
  }
}

/** An options record: what it says of sampling and of the exporter's start is remembered for the flows to come. */
function learn(draft: Draft, session: Session, template: Template): void {
  const rate = rateOf(draft.rate);
  if (draft.systemInitMs > 0) session.systemInitMs = draft.systemInitMs;
  if (rate <= 0) return;
  const scopedToInterface = template.fields.slice(0, template.scopes).some((field) => field.id === 10);
  if (draft.sampler !== '') session.learnRate(`s${draft.sampler}`, rate);
  else if (scopedToInterface) session.learnRate(`i${draft.flow.inInterface}`, rate);
  else session.learnRate('', rate);
}

function finish(draft: Draft, session: Session, sender: Sender, out: FlowOut): void {
  const { flow } = draft;
  const own = rateOf(draft.rate);
  flow.samplingRate = own > 0 ? own : session.rateOf(draft.sampler, flow.inInterface);
  readTimes(draft, session, sender);
  const { protocol } = flow;
  if (!hasPorts(protocol) && (flow.srcPort !== 0 || flow.dstPort !== 0)) icmpFromPort(draft);
  out.flow(flow);
}

/** Many exporters put type and code into the port of the destination, as version 5 did. */
function icmpFromPort({ flow }: Draft): void {
  const { protocol, dstPort } = flow;
  if (protocol !== icmp && protocol !== icmp6) return;
  if (!flow.attributes.some(([name]) => name === 'icmpType'))
    flow.attributes.push(['icmpType', String(dstPort >> 8)], ['icmpCode', String(dstPort & 0xff)]);
  flow.srcPort = 0;
  flow.dstPort = 0;
}

function readTimes(draft: Draft, session: Session, sender: Sender): void {
  const { flow } = draft;
  const systemInitMs = draft.systemInitMs || session.systemInitMs;
  const fromUptime = (ms: number): bigint => {
    if (sender.uptimeMs !== undefined) return uptimeNs(sender.exportMs, sender.uptimeMs, ms);
    return systemInitMs > 0 ? uptimeNs(systemInitMs, 0, ms) : 0n;
  };
  if (flow.startNs === 0n && draft.startUptimeMs >= 0) flow.startNs = fromUptime(draft.startUptimeMs);
  if (flow.endNs === 0n && draft.endUptimeMs >= 0) flow.endNs = fromUptime(draft.endUptimeMs);
  if (flow.endNs === 0n) flow.endNs = draft.eventNs;
  if (flow.endNs === 0n && flow.startNs > 0n) flow.endNs = flow.startNs + draft.durationNs;
  if (flow.startNs === 0n && flow.endNs > draft.durationNs) flow.startNs = flow.endNs - draft.durationNs;
  if (flow.endNs === 0n) flow.endNs = BigInt(sender.exportMs) * 1_000_000n;
  if (flow.startNs === 0n) flow.startNs = flow.endNs;
}
