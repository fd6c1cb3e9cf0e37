import { MalformedError } from '../otlp/wire.ts';
import { define, readSet, type TemplateState } from './netflow9.ts';
import type { FlowOut } from './out.ts';
import { Reader } from './reader.ts';
import type { Sender, Session } from './session.ts';
import { readIpfixOptions, readTemplate } from './template.ts';

export const ipfixHeaderBytes = 16;

/**
 * One IPFIX message (RFC 7011). `sequences` counts data records. `connection` tells TCP connections of one exporter apart,
 * whose templates live and end with them.
 */
export function readIpfix(
  message: Uint8Array,
  exporter: string,
  nowMs: number,
  state: TemplateState,
  out: FlowOut,
  connection = '',
): void {
  const header = new Reader(message, 'IPFIX message', 2);
  const length = header.u16();
  if (length < ipfixHeaderBytes || length > message.length) {
    throw new MalformedError(`IPFIX message announces ${length} bytes and has ${message.length}.`);
  }
  const exportMs = header.u32() * 1000;
  const sequence = header.u32();
  const domain = header.u32();
  const session = state.sessions.of(`ipfix ${exporter}${connection} ${domain}`, out);
  const sender: Sender = { exporter, flowType: 'ipfix', exportMs, uptimeMs: undefined };
  const reader = new Reader(message, 'IPFIX message', ipfixHeaderBytes, length);
  let records: number | undefined = 0;
  try {
    while (reader.left >= 4) {
      const read = readOne(reader, session, sender, nowMs, state, out);
      records = read === undefined || records === undefined ? undefined : records + read;
    }
  } catch (error) {
    records = undefined;
    throw error;
  } finally {
    state.sequences.saw(exporter, 'ipfix', `${connection} ${domain}`, sequence, records);
  }
}

/** One set; answers its data records, undefined when nobody can tell how many they are. */
function readOne(
  reader: Reader,
  session: Session,
  sender: Sender,
  nowMs: number,
  state: TemplateState,
  out: FlowOut,
): number | undefined {
  const id = reader.u16();
  const length = reader.u16();
  if (length < 4) throw new MalformedError(`IPFIX set ${id} has a length of ${length} bytes.`);
  const set = reader.part(length - 4, `IPFIX set ${id}`);
  if (id >= 256) return readSet(set, id, session, sender, nowMs, state, out);
  if (id !== 2 && id !== 3) return 0;
  while (!set.isPadding) {
    const read = id === 2 ? readTemplate(set, true) : readIpfixOptions(set);
    if ('template' in read) define(read.template, session, state, out);
    else session.withdraw(read.withdrawn);
  }
  return 0;
}
