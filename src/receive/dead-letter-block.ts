import { FixedColumn, LowCardinalityColumn, StringColumn, takeBlock } from '../lib/index.ts';
import type { Block } from '../model/index.ts';
import type { Letter } from './door.ts';

/** Letters as one block of `dead_letters`; payloads are base64 there, so that any bytes survive a text answer. */
export function deadLetterBlock(letters: readonly Letter[], nowMs: number): Block {
  const columns = {
    Tenant: new LowCardinalityColumn(),
    Timestamp: new FixedColumn("DateTime64(3, 'UTC')"),
    Source: new LowCardinalityColumn(),
    Reason: new StringColumn(),
    ContentType: new LowCardinalityColumn(),
    Payload: new StringColumn(),
  };
  for (const letter of letters) {
    columns.Tenant.text(letter.tenant);
    columns.Timestamp.whole(Math.floor(nowMs));
    columns.Source.text(letter.source);
    columns.Reason.text(letter.reason);
    columns.ContentType.text(letter.contentType);
    columns.Payload.text(Buffer.from(letter.payload).toString('base64'));
  }
  return {
    table: 'dead_letters',
    rows: letters.length,
    bytes: takeBlock(columns, letters.length, 'EventId'),
  };
}
