import { counter, gauge } from '../lib/index.ts';

export const outboxPublishTotal = counter('outbox_publish_total', 'Messages taken from the outbox.', [
  'topic',
  'status',
]);
export const inboxDedupTotal = counter(
  'inbox_dedup_total',
  'Messages that a consumer had already handled and did not see again.',
  ['consumer'],
);
export const outboxPending = gauge('outbox_pending', 'Messages in the outbox that are not yet delivered.');
export const outboxPoisoned = gauge('outbox_poisoned', 'Messages set aside after their last attempt.');
