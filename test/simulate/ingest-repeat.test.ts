import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { jsonToWire } from '../../src/receive/otlp/json.ts';
import { address, post, pretended, rows, useIngest } from './ingest-harness.ts';

useIngest();
afterEach(() => {
  pretended.beforeAppend = async () => undefined;
});

const logs = (service: string, text: string): Uint8Array =>
  jsonToWire(
    'logs',
    JSON.stringify({
      resourceLogs: [
        {
          resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] },
          scopeLogs: [{ logRecords: [{ timeUnixNano: `${Date.now()}000000`, body: { stringValue: text } }] }],
        },
      ],
    }),
  );

/** Sends a request and cuts the connection when `cut` resolves; nothing of the answer is read. */
async function sendAndCut(body: Uint8Array, cut: () => Promise<unknown>): Promise<void> {
  const { port } = new URL(address());
  const socket = connect(Number(port), '127.0.0.1');
  await once(socket, 'connect');
  socket.pause();
  socket.write(
    `POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: ${body.length}\r\n\r\n`,
  );
  socket.write(body);
  await cut();
  socket.resetAndDestroy();
}

const soon = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('a request that is repeated byte by byte', () => {
  it('is stored once when the connection broke before the answer', async () => {
    let reached = () => {};
    const atStore = new Promise<void>((resolve) => {
      reached = resolve;
    });
    let goOn = () => {};
    const released = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    pretended.beforeAppend = async () => {
      reached();
      await released;
    };
    const body = logs('cut-before', 'one');
    await sendAndCut(body, () => atStore);
    await soon(50);
    // The first is still being written when the second comes.
    const again = post('logs', body);
    await soon(50);
    goOn();
    expect((await again).status).toBe(200);
    expect((await post('logs', body)).status).toBe(200);
    expect((await rows('otel_logs', 'cut-before')).length).toBe(1);
  });

  it('is stored once when the connection was reset with the answer in it', async () => {
    const body = logs('cut-after', 'one');
    await sendAndCut(body, () => soon(300));
    await soon(100);
    expect((await post('logs', body)).status).toBe(200);
    expect((await rows('otel_logs', 'cut-after')).length).toBe(1);
  });

  it('is stored again when the first could not be kept', async () => {
    pretended.beforeAppend = () => Promise.reject(new Error('no disk'));
    const body = logs('refused', 'one');
    expect((await post('logs', body)).status).toBe(500);
    pretended.beforeAppend = async () => undefined;
    expect((await post('logs', body)).status).toBe(200);
    expect((await rows('otel_logs', 'refused')).length).toBe(1);
  });

  it('is a new request when every answer was read: equal records are not duplicates by themselves', async () => {
    const body = logs('twice', 'one');
    for (let i = 0; i < 3; i++) expect((await post('logs', body)).status).toBe(200);
    expect((await rows('otel_logs', 'twice')).length).toBe(3);
  });
});
