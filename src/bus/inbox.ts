import type { Ledger } from '../ledger/index.ts';
import type { Clock } from '../lib/index.ts';
import { iso, type Message } from '../model/index.ts';
import type { Subscriber } from './contract.ts';
import { inboxDedupTotal } from './events.ts';

const sql = {
  seen: 'SELECT 1 FROM inbox WHERE consumer = $1 AND message_id = $2',
  mark: `INSERT INTO inbox (consumer, message_id, topic, received_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (consumer, message_id) DO NOTHING`,
};

/**
 * Hands a message to a consumer unless the inbox says that it was handled. The mark is written after the handler, so a
 * crash in between repeats the message rather than losing it; handlers look at the state first and then do no harm.
 */
export async function receive(
  deps: { ledger: Ledger; clock: Clock },
  subscriber: Subscriber,
  message: Message,
): Promise<void> {
  const { consumer } = subscriber;
  const seen = await deps.ledger.query(sql.seen, [consumer, message.id]);
  if (seen.length > 0) {
    inboxDedupTotal.inc({ consumer });
    return;
  }
  await subscriber.handle(message);
  await deps.ledger.query(sql.mark, [consumer, message.id, message.topic, iso(deps.clock.now())]);
}
