import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/index.ts';
import { flowLettersDropped } from '../../src/receive/flow/events.ts';
import {
  exportS,
  ipfix,
  netflow5,
  netflow9,
  plain,
  record,
  set,
  sflow,
  template,
} from '../../src/receive/flow/testing.ts';
import { type FlowSystem, openFlowSystem } from '../support/flows.ts';

let system: FlowSystem;
beforeEach(async () => {
  system = await openFlowSystem();
});
afterEach(() => system.close());

const time = (seconds: number) => new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ');

describe('flows that were sent', () => {
  it('are rows within a moment, scaled, and every version is known on every port', async () => {
    const { ports } = system.listener;
    await system.send(ports.sflow, netflow5({ sampling: 10, records: [{}, { bytes: 7 }] }));
    await system.send(ports.netflow, ipfix(0, set(2, template(256, plain)), set(256, record())));
    await systemClock.sleep(400);
    // Nothing was flushed by hand: they came by themselves.
    expect(system.listener.health()).toMatchObject({ heldBytes: 0, undelivered: 0 });
    const rows = await system.rows();
    expect(rows.map((row) => [row.FlowType, row.Bytes, row.Packets, row.SamplingRate])).toEqual([
      ['netflow5', '3000', '20', 10],
      ['netflow5', '70', '20', 10],
      ['ipfix', '300', '2', 1],
    ]);
    expect(rows[0]).toMatchObject({
      Tenant: 'default',
      Exporter: '127.0.0.1',
      Timestamp: `${time(exportS - 1)}.500000000`,
      StartTime: `${time(exportS - 3)}.500000000`,
      EndTime: `${time(exportS - 1)}.500000000`,
    });
  });

  it('in the far future are found at the time they were received', async () => {
    const future = netflow5({ records: [{}] });
    future.writeUInt32BE(Math.floor(Date.now() / 1000) + 10_000_000, 8);
    await system.send(system.listener.ports.netflow, future);
    const [row] = await system.rows(
      'Timestamp > now() - INTERVAL 1 MINUTE AND Timestamp < now() + INTERVAL 1 MINUTE',
    );
    expect(row).toMatchObject({ Attributes: { 'clew.time': 'received' } });
    expect(String(row?.EndTime) > String(row?.Timestamp)).toBe(true);
  });

  it('and can not be read are dead letters, with what waited for a template till the end', async () => {
    const { ports } = system.listener;
    const waiting = set(300, record());
    await system.send(ports.netflow, Buffer.from('not a flow export at all'), netflow9(1, waiting));
    expect((await system.letters()).map((row) => [row.Source, row.ContentType])).toEqual([
      ['flow/unknown', 'application/octet-stream'],
    ]);
    await system.listener.stop();
    const [, letter] = await system.letters();
    expect(letter).toMatchObject({
      Source: 'flow/template',
      Reason: expect.stringContaining('Template 300 of 127.0.0.1'),
    });
    expect(Buffer.from(String(letter?.Payload), 'base64')).toEqual(record());
  });
});

describe('when the store has no room', () => {
  it('flows wait, and are stored once there is', async () => {
    system.pretended.pendingBytes = 1e12;
    await system.send(system.listener.ports.netflow, netflow5({ records: [{}] }));
    await systemClock.sleep(500);
    expect(system.listener.health().heldBytes).toBeGreaterThan(0);
    system.pretended.pendingBytes = 0;
    expect(await system.rows()).toHaveLength(1);
    expect(system.listener.health()).toMatchObject({
      heldBytes: 0,
      undelivered: 0,
      undeliveredLately: false,
    });
  });

  it('until the end, flows are counted and the reason is named', async () => {
    system.pretended.pendingBytes = 1e12;
    await system.send(system.listener.ports.netflow, netflow5({ records: [{}, {}] }));
    await system.listener.stop();
    expect(system.listener.health()).toMatchObject({
      ...{ undelivered: 2, undeliveredLately: true, heldBytes: 0 },
      lastError: expect.stringContaining('ingest.pending_bytes_max'),
    });
  });
});

describe('a flood that nobody can read', () => {
  it('takes only so much memory while the store has no room', async () => {
    const { ports } = system.listener;
    const dropped = async () => (await flowLettersDropped.get()).values[0]?.value ?? 0;
    const before = await dropped();
    system.pretended.pendingBytes = 1e12;
    await system.send(ports.netflow, netflow5({ records: [{}] }));
    await systemClock.sleep(300);
    const noise = Buffer.alloc(60_000, 0x78);
    for (let i = 0; i < 20; i++) await system.send(ports.netflow, ...Array<Buffer>(10).fill(noise));
    expect(await dropped()).toBeGreaterThan(before);
    system.pretended.pendingBytes = 0;
    expect(await system.rows()).toHaveLength(1);
    expect((await system.letters()).length).toBeGreaterThan(10);
  });
});

describe('IPFIX over TCP', () => {
  const stream = Buffer.concat([
    ipfix(0, set(2, template(256, plain))),
    ipfix(0, set(256, record(1))),
    ipfix(1, set(256, record(2))),
  ]);
  const write = (...chunks: Uint8Array[]): Promise<void> =>
    new Promise((resolve, reject) => {
      const socket = connect(system.listener.ports.ipfixTcp, '127.0.0.1', async () => {
        for (const chunk of chunks) {
          socket.write(chunk);
          await systemClock.sleep(2);
        }
        socket.end();
      });
      socket.on('error', reject);
      socket.on('close', () => resolve());
      socket.resume();
    });

  it('is read however the stream is cut', async () => {
    await write(...Array.from(stream, (byte) => Uint8Array.of(byte)));
    expect((await system.rows()).map((row) => row.Bytes)).toEqual(['1', '2']);
  });

  it('keeps templates for the connection alone', async () => {
    await write(stream);
    await write(ipfix(2, set(256, record(3))));
    await systemClock.sleep(100);
    expect((await system.rows()).map((row) => row.Bytes)).toEqual(['1', '2']);
    expect((await system.letters()).map((row) => row.Reason)).toEqual([
      'Template 256 of 127.0.0.1 is not known; the connection ended.',
    ]);
  });

  it('ends where no message begins', async () => {
    await write(stream, Buffer.from('GET / HTTP/1.1\r\n\r\n')).catch(() => undefined);
    expect((await system.letters()).map((row) => row.Reason)).toEqual([
      'The connection carries no IPFIX message where one should begin.',
    ]);
    expect(await system.rows()).toHaveLength(2);
  });
});

describe('a flow port', () => {
  it('lets in only who is named, and says who else knocks', async () => {
    const closed = await system.listen({ exportersAllow: ['10.0.0.0/8'] });
    try {
      await system.send(closed.ports.netflow, netflow5({ records: [{}] }));
      await closed.flush();
      expect(closed.health()).toMatchObject({ refused: 1, lastRefused: '127.0.0.1' });
      expect(await system.rows()).toEqual([]);
      expect(await system.letters()).toEqual([]);
    } finally {
      await closed.stop();
    }
  });

  it('that is taken is named with its setting', async () => {
    await expect(system.listen({ netflowPort: system.listener.ports.netflow })).rejects.toThrow(
      /127\.0\.0\.1:\d+ is already in use; set flow\.netflow_port to another port/,
    );
  });

  it('counts what sequence numbers show to be missing', async () => {
    await system.send(system.listener.ports.sflow, sflow(1), sflow(2), sflow(6));
    expect(system.listener.health().lost).toBe(3);
  });
});
