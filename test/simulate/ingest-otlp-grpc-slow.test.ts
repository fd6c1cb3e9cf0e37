import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { jsonToWire } from '../../src/receive/otlp/json.ts';
import { exportPath, grpcClient } from '../support/grpc.ts';
import { config, logsOf, makeGrpcServer, rows, text, useIngest } from './ingest-harness.ts';

useIngest();
const limits = { ...config.connections, requestSMax: 1, headersSMax: 1, idleSMax: 2, max: 8 };
const healthPath = '/grpc.health.v1.Health/Check';
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function start(): Promise<string> {
  const server = makeGrpcServer('', limits);
  const address = await server.listen({ host: '127.0.0.1', port: 0 });
  closing.push(() => server.close());
  return address;
}

async function session(address: string, settings = {}): Promise<ClientHttp2Session> {
  const client = connect(`http://${address}`, { settings });
  client.on('error', () => undefined);
  closing.push(() => client.destroy());
  await once(client, 'connect');
  return client;
}

/** A call whose head has been sent. */
function call(client: ClientHttp2Session, path: string): ClientHttp2Stream {
  const head = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
  const stream = client.request(head, { endStream: false });
  stream.on('error', () => undefined);
  return stream;
}

/** Code of gRPC that the call was answered, from its head or its trailers. */
const answered = (stream: ClientHttp2Stream): Promise<string> =>
  new Promise((resolve) => {
    for (const event of ['response', 'trailers'])
      stream.on(event, (headers: Record<string, string>) => {
        if (headers['grpc-status'] !== undefined) resolve(headers['grpc-status']);
      });
    stream.resume();
  });

const framed = (message: Uint8Array): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
};

const logs = (service: string) => jsonToWire('logs', logsOf(service, [{ body: text('hello') }]));

async function canSend(address: string, service: string): Promise<number> {
  const client = grpcClient(address);
  closing.push(() => client.close());
  return (await client.call(exportPath.logs, logs(service))).code;
}

const deadlineExceeded = '4';
const resourceExhausted = 8;

describe('a peer of OTLP/gRPC that is slow', () => {
  it.each([exportPath.logs, healthPath])(
    'is answered after request_s_max where no message comes (%s)',
    async (path) => {
      const client = await session(await start());
      expect(await answered(call(client, path))).toBe(deadlineExceeded);
    },
  );

  it('is answered after request_s_max where its message comes byte by byte, and its room is given back', async () => {
    const address = await start();
    const client = await session(address);
    const calls = Array.from({ length: 4 }, () => call(client, exportPath.logs));
    const bytes = framed(logs('grpc-drips'));
    let at = 0;
    const drip = setInterval(() => {
      for (const one of calls) if (one.writable) one.write(bytes.subarray(at, at + 1));
      at += 1;
    }, 100);
    closing.push(() => clearInterval(drip));
    await expect.poll(() => canSend(address, 'grpc-waits')).toBe(resourceExhausted);
    expect(await Promise.all(calls.map(answered))).toEqual(calls.map(() => deadlineExceeded));
    expect(await canSend(address, 'grpc-after-drips')).toBe(0);
    expect(await rows('otel_logs', 'grpc-drips')).toEqual([]);
  });

  it('that reads no answer is cut off, and its room is given back; what it sent is kept', async () => {
    const address = await start();
    // Without a window nothing can be sent to it but heads.
    const client = await session(address, { initialWindowSize: 0 });
    const calls = Array.from({ length: 4 }, () => call(client, exportPath.logs));
    const closed = Promise.all(calls.map((one) => once(one, 'close')));
    for (const one of calls) one.resume().end(framed(logs('grpc-deaf')));
    await expect.poll(async () => (await rows('otel_logs', 'grpc-deaf')).length, { timeout: 8_000 }).toBe(4);
    await closed;
    expect(calls.map((one) => one.rstCode)).toEqual([8, 8, 8, 8]);
    expect(await canSend(address, 'grpc-after-deaf')).toBe(0);
  }, 40_000);

  it('with a connection and no call is closed after idle_s_max, also one that says nothing at all', async () => {
    const address = await start();
    const idle = await session(address);
    const mute = connectTcp(Number(address.split(':')[1]), '127.0.0.1');
    closing.push(() => mute.destroy());
    mute.resume();
    await Promise.all([once(idle, 'close'), once(mute, 'close')]);
    expect(await canSend(address, 'grpc-after-idle')).toBe(0);
  }, 20_000);

  it('takes no more than connections.max connections; the others are closed at once', async () => {
    const address = await start();
    const open = await Promise.all(Array.from({ length: limits.max }, () => session(address)));
    const more = connectTcp(Number(address.split(':')[1]), '127.0.0.1');
    more.on('error', () => undefined);
    await once(more, 'close');
    const [first] = open;
    if (first === undefined) throw new Error('no connection');
    const one = call(first, healthPath);
    one.end(framed(new Uint8Array(0)));
    expect(await answered(one)).toBe('0');
  });
});
