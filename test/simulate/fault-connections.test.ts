/** The real program before peers that are slow, idle, broken or hostile: it answers others, and stays small. */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningClew, startClew } from '../support/clew.ts';
import {
  Account,
  logBatch,
  memoryMBMax,
  nothingWrong,
  peakMemoryMB,
  post,
  present,
  soon,
} from '../support/faults.ts';

const connectionsMax = 1_500;
const dir = mkdtempSync(join(tmpdir(), 'clew-connections-'));
const account = new Account();
let clew: RunningClew;
beforeAll(async () => {
  clew = await startClew(dir, {
    CLEW_LOG_LEVEL: 'error',
    CLEW_CONNECTIONS_MAX: String(connectionsMax),
    CLEW_CONNECTIONS_HEADERS_S_MAX: '1',
    CLEW_CONNECTIONS_REQUEST_S_MAX: '2',
  });
});
afterAll(async () => {
  await clew?.kill();
  rmSync(dir, { recursive: true, force: true });
});

let number = 0;
/** An ordinary sender is served; afterwards its records are asked for. */
async function othersAreServed(): Promise<void> {
  const batch = logBatch(`other-${number++}`, 3);
  for (const id of batch.ids) account.sent.add(id);
  expect(account.answered(batch, await post(clew.otlpUrl, batch))).toBe(true);
}

async function until(ask: () => Promise<unknown>, wanted: number): Promise<void> {
  let seen: unknown;
  for (let turn = 0; turn < 50; turn++) {
    seen = Number(await ask());
    if (seen === wanted) return;
    await soon(200);
  }
  expect(seen).toBe(wanted);
}

const open = (url: string): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => resolve(socket));
    socket.once('error', reject);
  });

/** All that comes until the connection is closed, or for `timeMs`. */
function everything(socket: Socket, timeMs = 20_000): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const end = () => {
      socket.destroy();
      resolve(text);
    };
    const timer = setTimeout(end, timeMs);
    socket.on('data', (chunk) => {
      text += String(chunk);
    });
    socket.on('error', () => undefined);
    socket.once('close', () => {
      clearTimeout(timer);
      end();
    });
  });
}

/** What a connection gets for these bytes. */
async function told(url: string, bytes: string | Buffer): Promise<string> {
  const socket = await open(url);
  const answer = everything(socket);
  socket.write(bytes);
  return answer;
}

const head = (length: number | string, more = '') =>
  `POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: ${length}\r\n${more}\r\n`;
const ports = (): [string, string][] => [
  ['OTLP', clew.otlpUrl],
  ['API', clew.url],
];

describe('slow peers', () => {
  it('whose headers or bodies trickle in are answered 503 with Retry-After, and keep nobody out', async () => {
    for (const [name, url] of ports()) {
      const header = await open(url);
      header.write('POST /v1/logs HTTP/1.1\r\nhost: x\r\n');
      const headerTimer = setInterval(() => header.write('x: y\r\n'), 200);
      // Four of the largest bodies are all the room there is; announced and never sent, they take it from everybody.
      const bodies = await Promise.all(Array.from({ length: 4 }, () => open(url)));
      for (const socket of bodies) socket.write(head(33_554_432));
      const bodyTimer = setInterval(() => bodies.map((socket) => socket.write('z')), 200);
      const answers = await Promise.all([header, ...bodies].map((socket) => everything(socket)));
      clearInterval(headerTimer);
      clearInterval(bodyTimer);
      for (const answer of answers) {
        expect(answer, name).toMatch(/^HTTP\/1\.1 503 /);
        expect(answer, name).toMatch(/retry-after: \d+\r\n/i);
        expect(answer, name).toContain('connections.request_s_max (2)');
      }
      await othersAreServed();
    }
  });

  it('that upload a journal may take any time, for it is stored as it comes', async () => {
    const socket = await open(clew.url);
    const answer = everything(socket);
    const type = 'application/vnd.fdo.journal';
    socket.write(
      `POST /upload HTTP/1.1\r\nhost: x\r\ncontent-type: ${type}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n`,
    );
    for (let entry = 0; entry < 8; entry++) {
      const text = `__REALTIME_TIMESTAMP=${Date.now()}000\nMESSAGE=slow ${entry}\n\n`;
      socket.write(`${text.length.toString(16)}\r\n${text}\r\n`);
      await soon(500);
    }
    socket.write('0\r\n\r\n');
    expect(await answer).toMatch(/^HTTP\/1\.1 202 /);
    await until(
      async () => (await clew.sql("SELECT count() FROM otel_logs WHERE Body LIKE 'slow %'"))[0]?.[0],
      8,
    );
  });

  it('that connect and say nothing are closed', async () => {
    const answers = await Promise.all(ports().map(async ([, url]) => everything(await open(url))));
    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 503 /);
  });
});

describe('thousands of connections', () => {
  it('are held up to connections.max, further ones closed at once, and senders are served again when they go', async () => {
    const idle: Socket[] = [];
    let closed = 0;
    const used = async () => {
      const socket = await open(clew.otlpUrl);
      idle.push(socket);
      socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
      await new Promise<void>((resolve) => {
        socket.once('data', () => resolve());
        socket.on('error', () => undefined);
        socket.once('close', () => {
          closed += 1;
          resolve();
        });
      });
    };
    // In waves: the kernel keeps only so many waiting for an accept.
    while (idle.length < connectionsMax + 300) await Promise.all(Array.from({ length: 100 }, used));
    expect(closed).toBeGreaterThanOrEqual(300);
    expect(closed).toBeLessThan(400);
    // The other port is not concerned.
    expect((await fetch(`${clew.url}/livez`)).status).toBe(200);
    for (const socket of idle) socket.destroy();
    await soon(500);
    await othersAreServed();
    expect(await (await fetch(`${clew.url}/metrics`)).text()).toMatch(/clew_connections_refused_total [1-9]/);
  });
});

describe('requests that are not HTTP', () => {
  const batch = logBatch('never', 1);
  const chunked =
    'POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ntransfer-encoding: chunked\r\n\r\n';
  it.each<[string, string | Buffer, RegExp]>([
    ['noise', '\u0000\u0001\u0002 noise\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['two lengths', head(3, 'content-length: 5\r\n'), /^HTTP\/1\.1 400 /],
    ['a negative length', head(-1), /^HTTP\/1\.1 400 /],
    ['a length of a googol', head('9'.repeat(100)), /^HTTP\/1\.1 400 /],
    ['a length and chunks', head(3, 'transfer-encoding: chunked\r\n'), /^HTTP\/1\.1 400 /],
    ['a chunk that is no number', `${chunked}zz\r\n`, /^HTTP\/1\.1 400 /],
    ['a chunk of more bytes than there are', `${chunked}ffffffffffffffffff\r\n`, /^HTTP\/1\.1 400 /],
    ['a chunk of four gigabytes', `${chunked}ffffffff\r\n${'x'.repeat(1000)}`, /^HTTP\/1\.1 503 /],
    ['20 kB of headers', head(3, `x: ${'y'.repeat(20_000)}\r\n`), /^HTTP\/1\.1 431 /],
    ['5 000 headers', head(3, 'x:y\r\n'.repeat(5_000)), /^HTTP\/1\.1 431 /],
    [
      'more than its length says',
      Buffer.concat([Buffer.from(head(batch.body.length - 5)), batch.body]),
      /^HTTP\/1\.1 400 /,
    ],
    [
      'less than its length says',
      Buffer.concat([Buffer.from(head(batch.body.length + 5)), batch.body]),
      /^HTTP\/1\.1 503 /,
    ],
  ])('%s: answered on both ports and closed', async (_name, bytes, wanted) => {
    const answers = await Promise.all(ports().map(([, url]) => told(url, bytes)));
    for (const answer of answers) expect(answer).toMatch(wanted);
    await othersAreServed();
  });
});

describe('hostile payloads', () => {
  const zeros = Buffer.alloc(400 * 1024 * 1024);
  const bomb: Record<string, () => Buffer> = {
    gzip: () => gzipSync(zeros, { level: 1 }),
    zstd: () => zstdCompressSync(zeros),
    deflate: () => deflateSync(zeros, { level: 1 }),
  };
  const send = (path: string, body: string | Buffer, headers: Record<string, string>) =>
    fetch(clew.url + path, {
      method: 'POST',
      headers,
      body: typeof body === 'string' ? body : new Uint8Array(body),
    });
  const json = { 'content-type': 'application/json' };

  it.each(['gzip', 'zstd', 'deflate'])(
    'a bomb of 400 MB in %s is 413, and unpacked no further than the limit',
    async (name) => {
      const body = bomb[name]?.() ?? Buffer.alloc(0);
      const headers = { 'content-type': 'application/x-protobuf', 'content-encoding': name };
      const answers = await Promise.all(Array.from({ length: 6 }, () => send('/v1/logs', body, headers)));
      for (const answer of answers) expect(answer.status).toBe(413);
    },
  );

  it('a snappy head that promises 4 GB is refused without making room for it', async () => {
    const body = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0x00]);
    const headers = { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' };
    for (const path of ['/api/v1/write', '/loki/api/v1/push']) {
      const { status } = await send(path, body, headers);
      expect([400, 413], path).toContain(status);
    }
  });

  it('JSON nested a million deep, and text that is no UTF-8, are refused for good', async () => {
    const deep = `{"resourceLogs":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}}`;
    expect((await send('/v1/logs', deep, json)).status).toBe(400);
    const half = Buffer.from('{"resourceLogs":[{"\xff\xfe":1}', 'latin1');
    expect((await send('/v1/logs', half, json)).status).toBe(400);
    // It is refused by what it announces; nothing of it need be sent.
    for (const [, url] of ports()) expect(await told(url, head(40_000_000))).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('leave the memory of the process bounded, and every other record kept once', async () => {
    await othersAreServed();
    const peak = peakMemoryMB(clew.pid);
    process.stdout.write(`fault-connections: ${peak} MB at most\n`);
    expect(peak).toBeLessThan(memoryMBMax);
    expect(account.verdict(await present(clew, account))).toEqual(nothingWrong);
  });
});

describe('requests sent ahead on one connection', () => {
  it('are stored once each when the connection broke before any answer was read', async () => {
    const batches = [0, 1, 2].map((n) => logBatch(`ahead-${n}`, 2));
    const socket = await open(clew.otlpUrl);
    socket.pause();
    for (const { body, ids } of batches) {
      for (const id of ids) account.sent.add(id);
      socket.write(Buffer.concat([Buffer.from(head(body.length)), body]));
    }
    await soon(500);
    socket.resetAndDestroy();
    for (const batch of batches) expect(account.answered(batch, await post(clew.otlpUrl, batch))).toBe(true);
    expect(account.verdict(await present(clew, account))).toEqual(nothingWrong);
  });
});
