import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { Connection, ConnectionLost } from './connection.ts';

let server: Server | undefined;
afterEach(() => {
  server?.close();
});

/** A server that does with each connection what it is told. */
async function serve(onData: (socket: Socket, request: string) => void): Promise<Connection> {
  const own = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => onData(socket, String(chunk)));
  });
  server = own;
  await new Promise<void>((resolve) => own.listen(0, '127.0.0.1', resolve));
  const address = own.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return Connection.open(new URL(`http://127.0.0.1:${port}`));
}
const request = Buffer.from('POST / HTTP/1.1\r\n\r\n');

test('answers come whole however they are cut on the way, one for each request', async () => {
  const answers = [
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
    'HTTP/1.1 204 No Content\r\nx: y\r\n\r\n',
  ];
  let turn = 0;
  const connection = await serve(async (socket) => {
    for (const byte of answers[turn++] ?? '') {
      socket.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
  expect(await connection.exchange(request)).toEqual({ status: 200, retryAfterS: 0, text: 'hello' });
  expect(await connection.exchange(request)).toEqual({ status: 204, retryAfterS: 0, text: '' });
  connection.close();
});

test('Retry-After of a refusal is read, and is a second where there is none', async () => {
  const heads = ['retry-after: 3\r\n', ''];
  const connection = await serve((socket) =>
    socket.write(`HTTP/1.1 429 Too Many Requests\r\n${heads.shift()}content-length: 4\r\n\r\nfull`),
  );
  expect(await connection.exchange(request)).toEqual({ status: 429, retryAfterS: 3, text: 'full' });
  expect(await connection.exchange(request)).toEqual({ status: 429, retryAfterS: 1, text: 'full' });
  connection.close();
});

test.each([
  ['the server closes before it answers', (socket: Socket) => socket.destroy()],
  [
    'the server closes inside an answer',
    (socket: Socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhal'),
  ],
  ['the answer has no length', (socket: Socket) => socket.write('HTTP/1.1 200 OK\r\n\r\n')],
])('%s: the request counts as lost, and so does each one after it', async (_, behave) => {
  const connection = await serve(behave);
  await expect(connection.exchange(request)).rejects.toBeInstanceOf(ConnectionLost);
  await expect(connection.exchange(request)).rejects.toBeInstanceOf(ConnectionLost);
});
