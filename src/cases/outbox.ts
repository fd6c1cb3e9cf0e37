import type { Queryable } from '../ledger/index.ts';
import { type CaseEvent, iso, type NewMessage } from '../model/index.ts';

const insertSql = `INSERT INTO outbox (topic, key, payload, created_at, message_id, tenant, trace_id)
  VALUES ($1, $2, $3::jsonb, $4, $5, $6, $7)`;

export interface Envelope {
  caseId: string;
  tenant: string;
  traceId: string;
  at: number;
  newId: () => string;
}

/** Writes messages into the outbox, in order, within the caller's transaction. */
export async function send(
  tx: Queryable,
  envelope: Envelope,
  messages: readonly NewMessage[],
): Promise<void> {
  const { caseId, tenant, traceId, at, newId } = envelope;
  for (const { topic, payload } of messages) {
    const body = JSON.stringify({ case_id: caseId, tenant, at, trace_id: traceId, ...payload });
    await tx.query(insertSql, [topic, caseId, body, iso(at), newId(), tenant, traceId]);
  }
}

/** What each event tells the bus besides the transition itself; the command is sent for automatic cases only. */
const consequences: Readonly<
  Partial<Record<CaseEvent, { tells?: NewMessage['topic']; asks?: NewMessage['topic'] }>>
> = {
  analysis_done: { asks: 'cmd.plan.generate' },
  resume: { asks: 'cmd.plan.generate' },
  plan_ready: { tells: 'evt.plan.proposed.v1', asks: 'cmd.gate.eval' },
  gate_approved: { tells: 'evt.plan.approved.v1', asks: 'cmd.exec.run' },
  exec_done: { tells: 'evt.exec.done.v1', asks: 'cmd.verify.run' },
  exec_failed: { tells: 'evt.exec.failed.v1' },
  verify_pass: { tells: 'evt.verify.pass.v1' },
  verify_failed: { tells: 'evt.verify.failed.v1' },
};

export function messagesFor(
  event: CaseEvent,
  transition: Record<string, unknown>,
  automatic: boolean,
): NewMessage[] {
  const messages: NewMessage[] = [{ topic: 'evt.case.transition.v1', payload: transition }];
  const { tells, asks } = consequences[event] ?? {};
  if (tells) messages.push({ topic: tells, payload: transition });
  if (asks && automatic) messages.push({ topic: asks, payload: transition });
  return messages;
}
