import { MalformedError } from '../otlp/wire.ts';
import type { FlowOut } from './out.ts';
import { Reader } from './reader.ts';
import { readRecords } from './records.ts';
import type { Sequences } from './sequence.ts';
import type { Sender, Session, Sessions } from './session.ts';
import { readNetflow9Options, readTemplate, type Template } from './template.ts';

/** What the readers of templates and data have in common, and keep between datagrams. */
export interface TemplateState {
  sessions: Sessions;
  sequences: Sequences;
}

/** NetFlow version 9. `sequences` counts datagrams. */
export function readNetflow9(
  datagram: Uint8Array,
  exporter: string,
  nowMs: number,
  state: TemplateState,
  out: FlowOut,
): void {
  const reader = new Reader(datagram, 'NetFlow 9 datagram', 2);
  reader.u16();
  const uptimeMs = reader.u32();
  const exportMs = reader.u32() * 1000;
  const sequence = reader.u32();
  const source = reader.u32();
  const session = state.sessions.of(`netflow9 ${exporter} ${source}`, out);
  state.sequences.saw(exporter, 'netflow9', String(source), sequence, 1);
  const sender: Sender = { exporter, flowType: 'netflow9', exportMs, uptimeMs };
  while (reader.left >= 4) {
    const id = reader.u16();
    const length = reader.u16();
    if (length < 4) throw new MalformedError(`NetFlow 9 set ${id} has a length of ${length} bytes.`);
    const set = reader.part(length - 4, `NetFlow 9 set ${id}`);
    if (id === 0) {
      while (!set.isPadding) {
        const read = readTemplate(set, false);
        if ('template' in read) define(read.template, session, state, out);
      }
    } else if (id === 1) {
      while (!set.isPadding) define(readNetflow9Options(set), session, state, out);
    } else if (id >= 256) readSet(set, id, session, sender, nowMs, state, out);
  }
}

/** Takes a template, and reads what waited for it. */
export function define(template: Template, session: Session, state: TemplateState, out: FlowOut): void {
  session.define(template);
  for (const { bytes, sender } of state.sessions.waitingFor(session, template.id)) {
    try {
      readRecords(new Reader(bytes, `Data set ${template.id}`), template, session, sender, out);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      out.reject(error.message, bytes);
    }
  }
}

/** Answers how many records there were; undefined when their template is not known yet. */
export function readSet(
  set: Reader,
  id: number,
  session: Session,
  sender: Sender,
  nowMs: number,
  state: TemplateState,
  out: FlowOut,
): number | undefined {
  const template = session.templates.get(id);
  if (template !== undefined) return readRecords(set, template, session, sender, out);
  const bytes = set.bytes.subarray(set.position, set.end);
  state.sessions.hold(session, { templateId: id, sender, bytes, since: nowMs }, out);
  return undefined;
}
