import { expect, it } from 'vitest';
import type { SyslogState } from '../receive/index.ts';
import { syslogSource } from './syslog.ts';

it('the syslog source tells of senders, room and lost datagrams, and of a loss only once', async () => {
  const state: SyslogState = {
    connections: 3,
    connectionsMax: 4,
    waitingBytes: 10,
    bufferBytesMax: 100,
    dropped: 0,
  };
  const source = syslogSource({ state: () => state });
  const bad = async () =>
    (await source.collect()).filter(({ status }) => !status).map(({ metric_name }) => metric_name);
  expect(await bad()).toEqual([]);
  Object.assign(state, { connections: 4, waitingBytes: 100, dropped: 5 });
  expect(await bad()).toEqual(['connections', 'waiting_bytes', 'dropped_datagrams']);
  expect(await bad()).toEqual(['connections', 'waiting_bytes']);
  state.dropped = 6;
  const metrics = await source.collect();
  expect(metrics.at(-1)).toMatchObject({ metric_value: 6, suggestion: expect.stringContaining('TCP') });
});
