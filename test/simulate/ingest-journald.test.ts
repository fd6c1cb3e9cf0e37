import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { pretended, useFronts } from './ingest-fronts.ts';

const fronts = useFronts();
const type = 'application/vnd.fdo.journal';
const entry = (service: string, message: string) =>
  `__CURSOR=s=${message}\n__REALTIME_TIMESTAMP=1767261600123456\n_HOSTNAME=h1\nSYSLOG_IDENTIFIER=${service}\nPRIORITY=3\nMESSAGE=${message}\n\n`;

function open(
  url = fronts.url,
  headers: Record<string, string> = {},
): { upload: ClientRequest; answer: Promise<string> } {
  const upload = httpRequest(`${url}/upload`, {
    method: 'POST',
    headers: { 'content-type': type, ...headers },
  });
  const answer = new Promise<string>((resolve, reject) => {
    upload.on('error', reject);
    upload.on('response', (response: IncomingMessage) => {
      let text = '';
      response.on('data', (chunk) => (text += String(chunk)));
      response.on('end', () => resolve(`${response.statusCode} ${text}`));
    });
  });
  answer.catch(() => undefined);
  return { upload, answer };
}
const bodies = async (service: string) => (await fronts.rows(service)).map((row) => row.Body);

afterEach(() => {
  pretended.pendingBytes = 0;
});

describe('an upload of the journal', () => {
  it('becomes rows while its body goes on, and is answered when it has ended', async () => {
    const { upload, answer } = open();
    upload.write(entry('jd-stream', 'one') + entry('jd-stream', 'two').slice(0, 40));
    await expect.poll(() => bodies('jd-stream'), { timeout: 5000 }).toEqual(['one']);
    upload.write(entry('jd-stream', 'two').slice(40));
    await expect.poll(() => bodies('jd-stream'), { timeout: 5000 }).toEqual(['one', 'two']);
    upload.end();
    expect(await answer).toBe('202 OK.\n');
    const [row] = await fronts.rows('jd-stream');
    expect(row).toMatchObject({
      SeverityText: 'err',
      SeverityNumber: 17,
      ResourceAttributes: { 'service.name': 'jd-stream', 'host.name': 'h1' },
      LogAttributes: { 'journald.cursor': 's=one' },
    });
    expect(String(row?.Timestamp)).toBe('2026-01-01 10:00:00.123456000');
  });

  it('is not read while the door is full, and loses nothing', async () => {
    pretended.pendingBytes = 1e9;
    const { upload, answer } = open();
    const total = 8_000;
    for (let i = 0; i < total; i++) upload.write(entry('jd-full', `${i} ${'x'.repeat(400)}`));
    upload.end();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(upload.writableLength).toBeGreaterThan(0);
    pretended.pendingBytes = 0;
    expect(await answer).toBe('202 OK.\n');
    const numbers = (await bodies('jd-full')).map((body) => Number(String(body).split(' ')[0]));
    expect(numbers).toEqual(Array.from({ length: total }, (_, i) => i));
  });

  it('that breaks off keeps the entries that came whole', async () => {
    const { upload } = open();
    upload.write(entry('jd-cut', 'whole') + entry('jd-cut', 'half').slice(0, 90));
    await new Promise((resolve) => setTimeout(resolve, 50));
    upload.destroy();
    await expect.poll(() => bodies('jd-cut'), { timeout: 5000 }).toEqual(['whole']);
  });
});

describe('an upload that is refused', () => {
  const post = async (body: string, headers: Record<string, string> = {}) => {
    const answer = await fetch(`${fronts.url}/upload`, {
      method: 'POST',
      headers: { 'content-type': type, ...headers },
      body,
    });
    return `${answer.status} ${await answer.text()}`;
  };

  it('because of its type or its encoding', async () => {
    expect(await post('x', { 'content-type': 'text/plain' })).toBe(
      '415 Content-Type: application/vnd.fdo.journal is required.\n',
    );
    expect(await post(entry('a', 'b'), { 'content-encoding': 'zstd' })).toBe(
      '415 Content-Encoding "zstd" is not understood; send none.\n',
    );
  });

  it('because of what it holds: what came before is kept, and the rest is told', async () => {
    expect(await post(`${entry('jd-bad', 'good')}not a field\n`)).toBe(
      '422 Processing failed: "not a field" is no name of a journal field.\n',
    );
    expect(await post(`${entry('jd-bad', 'good')}MESSAGE=cut`)).toBe(
      '422 Processing failed: The body ends in the middle of a field.\n',
    );
    expect(await bodies('jd-bad')).toEqual(['good', 'good']);
    const letters = await fronts.letters('journald/upload');
    expect(letters.map((row) => row.Reason)).toEqual([
      '"not a field" is no name of a journal field.',
      'The body ends in the middle of a field.',
    ]);
    const payloads = letters.map((row) => Buffer.from(String(row.Payload), 'base64').toString());
    expect(payloads[0]).toContain('not a field');
    expect(payloads[1]).toBe('MESSAGE=cut');
  });

  it('because its token is missing; the token may be the password of the URL', async () => {
    const basic = `Basic ${Buffer.from('clew:secret').toString('base64')}`;
    for (const [headers, status] of [
      [{}, 401],
      [{ authorization: 'Bearer no' }, 401],
      [{ authorization: basic }, 202],
    ] as const) {
      const { upload, answer } = open(fronts.guardedUrl, headers);
      upload.end(entry('jd-token', 'x'));
      expect(await answer).toMatch(new RegExp(`^${status} `));
    }
  });
});
