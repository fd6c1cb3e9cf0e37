import {
  type Column,
  FixedColumn,
  LowCardinalityColumn,
  MapColumn,
  StringColumn,
  takeBlock,
} from '../../lib/index.ts';
import type { Block, ChangeEvent } from '../../model/index.ts';

/** Change events as one block of `change_events`. Checks nothing: who takes them from outside has parsed them. */
export function changeBlock(tenant: string, events: readonly ChangeEvent[]): Block {
  const columns = {
    Tenant: new LowCardinalityColumn(),
    Timestamp: new FixedColumn("DateTime64(3, 'UTC')"),
    Id: new StringColumn(),
    Kind: new LowCardinalityColumn(),
    ServiceName: new LowCardinalityColumn(),
    Title: new StringColumn(),
    Actor: new StringColumn(),
    Labels: new MapColumn(new StringColumn()),
  } satisfies Record<string, Column>;
  for (const event of events) {
    columns.Tenant.text(tenant);
    columns.Timestamp.whole(Math.max(0, Math.floor(event.at)));
    columns.Id.text(event.id);
    columns.Kind.text(event.kind);
    columns.ServiceName.text(event.service);
    columns.Title.text(event.title);
    columns.Actor.text(event.actor);
    for (const [key, value] of Object.entries(event.labels)) columns.Labels.pair(key, value);
    columns.Labels.endRow();
  }
  return { table: 'change_events', rows: events.length, bytes: takeBlock(columns, events.length, 'EventId') };
}
