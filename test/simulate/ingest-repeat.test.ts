import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { jsonToWire } from '../../src/receive/otlp/json.ts';
import { exportPath, grpcClient } from '../support/grpc.ts';
import { address, makeGrpcServer, post, pretended, rows, useIngest } from './ingest-harness.ts';

useIngest();
afterEach(() => {
  pretended.beforeAppend = async () => undefined;
  pretended.afterAppend = async () => undefined;
  pretended.stoodMs = 0;
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

/** A connection on which a request was sent; nothing of its answer is read. */
async function sendOn(body: Uint8Array, headers = ''): Promise<Socket> {
  const { port } = new URL(address());
  const socket = connect(Number(port), '127.0.0.1');
  await once(socket, 'connect');
  socket.on('error', () => undefined);
  socket.pause();
  socket.write(
    `POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n${headers}content-length: ${body.length}\r\n\r\n`,
  );
  socket.write(body);
  return socket;
}

/** Sends a request and cuts the connection when `cut` resolves. */
async function sendAndCut(body: Uint8Array, cut: () => Promise<unknown>): Promise<void> {
  const socket = await sendOn(body);
  await cut();
  socket.resetAndDestroy();
}

const soon = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Holds each call up until its turn is let go. */
function gate() {
  const waiting: PromiseWithResolvers<void>[] = [];
  let came = Promise.withResolvers<void>();
  return {
    pass: () => {
      const turn = Promise.withResolvers<void>();
      waiting.push(turn);
      came.resolve();
      came = Promise.withResolvers();
      return turn.promise;
    },
    /** Resolves when so many are held up. */
    holds: async (count: number) => {
      while (waiting.length < count) await came.promise;
    },
    letGo: () => {
      for (const { resolve } of waiting.splice(0)) resolve();
    },
    refuse: () => {
      for (const { reject } of waiting.splice(0)) reject(new Error('no disk'));
    },
  };
}

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

  it.each([
    ['on a connection that stays open', ''],
    ['on one that ends with the answer', 'connection: close\r\n'],
  ])(
    'is stored once when its sender gave up in order while the answer was on its way, %s',
    async (how, headers) => {
      const held = gate();
      pretended.afterAppend = held.pass;
      const service = `gave-up ${how}`;
      const body = logs(service, 'one');
      const socket = await sendOn(body, headers);
      await held.holds(1);
      pretended.afterAppend = async () => undefined;
      // Its end is in the kernel when the answer is written, and read only afterwards.
      socket.destroy();
      held.letGo();
      expect((await post('logs', body)).status).toBe(200);
      expect((await rows('otel_logs', service)).length).toBe(1);
    },
  );

  it.each([0, 61_000])(
    'is stored once when the end of the first comes after it, the process having stood still for %i ms',
    async (stoodMs) => {
      const service = `late-end ${stoodMs}`;
      const body = logs(service, 'one');
      const socket = await sendOn(body);
      await once(socket.resume(), 'data');
      pretended.stoodMs = stoodMs;
      const again = post('logs', body);
      await soon(100);
      socket.resetAndDestroy();
      expect((await again).status).toBe(200);
      expect((await rows('otel_logs', service)).length).toBe(1);
    },
  );

  it('is stored once when its senders gave up twice and the first could not be kept', async () => {
    const held = gate();
    pretended.beforeAppend = held.pass;
    const body = logs('gave-up-twice', 'one');
    await sendAndCut(body, () => held.holds(1));
    await sendAndCut(body, () => soon(50));
    const again = post('logs', body);
    await soon(50);
    held.refuse();
    await held.holds(1);
    await soon(50);
    pretended.beforeAppend = async () => undefined;
    held.letGo();
    expect((await again).status).toBe(200);
    expect((await rows('otel_logs', 'gave-up-twice')).length).toBe(1);
  });

  it('is stored though the same bytes were stored before, and one more sender gave up meanwhile', async () => {
    const body = logs('meant-twice', 'one');
    for (let i = 0; i < 2; i++) expect((await post('logs', body)).status).toBe(200);
    const socket = await sendOn(body);
    socket.destroy();
    await soon(50);
    expect((await post('logs', body)).status).toBe(200);
    const count = (await rows('otel_logs', 'meant-twice')).length;
    expect(count).toBeGreaterThanOrEqual(3);
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

/** A port that passes on what comes; what is answered only until it is muted. */
async function proxyTo(target: string) {
  const muted = Promise.withResolvers<void>();
  let mute = false;
  const [, port] = target.split(':');
  const ups: Socket[] = [];
  const proxy = createServer((down) => {
    const up = connect(Number(port), '127.0.0.1');
    ups.push(up);
    down.pipe(up);
    for (const side of [down, up]) side.on('error', () => undefined);
    up.on('close', () => down.destroy());
    up.on('data', (chunk) => {
      if (mute) muted.resolve();
      else down.write(chunk);
    });
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  const own = proxy.address();
  return {
    address: `127.0.0.1:${typeof own === 'object' ? own?.port : ''}`,
    /** Resolves when something is answered from now on. */
    mute: () => {
      mute = true;
      return muted.promise;
    },
    reset: () => {
      for (const up of ups) up.resetAndDestroy();
      proxy.close();
    },
  };
}

describe('a call of OTLP/gRPC that is repeated', () => {
  it.each(['before', 'after'])('is stored once when the connection broke %s the answer', async (when) => {
    const server = makeGrpcServer();
    const target = await server.listen({ host: '127.0.0.1', port: 0 });
    const proxy = await proxyTo(target);
    const held = gate();
    pretended.afterAppend = held.pass;
    const body = logs(`grpc-${when}`, 'one');
    const [first, second] = [grpcClient(proxy.address), grpcClient(target)];
    const lost = first.call(exportPath.logs, body);
    await held.holds(1);
    pretended.afterAppend = async () => undefined;
    const answered = proxy.mute();
    if (when === 'after') {
      held.letGo();
      await answered;
      await soon(200);
    }
    proxy.reset();
    await soon(50);
    held.letGo();
    expect((await second.call(exportPath.logs, body)).code).toBe(0);
    expect((await rows('otel_logs', `grpc-${when}`)).length).toBe(1);
    for (const client of [first, second]) client.close();
    await lost;
    await server.close();
  });

  it('is a new one when every answer was read', async () => {
    const server = makeGrpcServer();
    const client = grpcClient(await server.listen({ host: '127.0.0.1', port: 0 }));
    const body = logs('grpc-twice', 'one');
    for (let i = 0; i < 3; i++) expect((await client.call(exportPath.logs, body)).code).toBe(0);
    expect((await rows('otel_logs', 'grpc-twice')).length).toBe(3);
    client.close();
    await server.close();
  });
});
