import { type Agent, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { HttpError } from './http-error.ts';

/** HTTP without telemetry: what the mesh, the customers and the outside provider need. */

/** Names where a request comes from in the world. */
export const regionHeader = 'x-user-region';

export interface ShopReply {
  status: number;
  body: unknown;
}

export class TimeoutError extends Error {
  constructor(timeoutMs: number) {
    super(`No answer within ${timeoutMs} ms`);
    this.name = 'TimeoutError';
  }
}

export interface SendOptions {
  agent: Agent;
  method: string;
  headers: Record<string, string | string[] | undefined>;
  payload: string | Buffer | undefined;
  timeoutMs: number;
}

export function sendOnce(url: URL, options: SendOptions): Promise<IncomingMessage> {
  const { agent, method, headers, payload, timeoutMs } = options;
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { agent, method, headers }, (response) => {
      response.once('close', () => clearTimeout(timer));
      resolve(response);
    });
    const timer = setTimeout(() => outgoing.destroy(new TimeoutError(timeoutMs)), timeoutMs);
    outgoing.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    outgoing.end(payload);
  });
}

export async function readText(stream: AsyncIterable<Buffer>): Promise<string> {
  return (await readBytes(stream)).toString('utf8');
}

/** Bodies inside the shop are small; a larger one is a mistake. */
const bodyBytesMax = 262_144;

export async function readBytes(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of stream) {
    bytes += part.length;
    if (bytes > bodyBytesMax)
      throw new HttpError(413, 'too_large', `The body is larger than ${bodyBytesMax} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

export function parseBody(text: string): Record<string, unknown> {
  if (text === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : { value };
  } catch {
    throw new HttpError(400, 'bad_request', 'The body is not valid JSON');
  }
}

export function send(response: ServerResponse, reply: ShopReply): void {
  const text = JSON.stringify(reply.body);
  response.writeHead(reply.status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

/** Listens on loopback and resolves with the port. */
export function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}
