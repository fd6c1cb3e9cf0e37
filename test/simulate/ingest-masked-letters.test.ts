import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createAdmission, createMasker, loadMasking } from '../../src/admit/index.ts';
import { configSchema } from '../../src/config/index.ts';
import { ClewError, createLogger, systemClock } from '../../src/lib/index.ts';
import type { Block } from '../../src/model/index.ts';
import { createSyslog } from '../../src/receive/index.ts';
import { type Row, useFronts } from './ingest-fronts.ts';

const fronts = useFronts();
const post = (path: string, type: string, body: string | Uint8Array<ArrayBuffer>) =>
  fetch(fronts.url + path, { method: 'POST', headers: { 'content-type': type }, body });

const identity = '11010519491231002X';
const card = '4111111111111111';
const token = 'hunter2hunter2';
const said = `id ${identity} card ${card} token=${token}`;
const hidden = 'id [masked:cn_identity] card [masked:bank_card] token=[masked:token]';
const secrets = [identity, card, token];

const textOf = (letter: Row | undefined) => Buffer.from(String(letter?.Payload), 'base64');
/** The newest letter of a receiver; neither it nor its reason tells a secret. */
async function newest(source: string): Promise<Buffer> {
  const letter = (await fronts.letters(source)).at(-1);
  const text = textOf(letter);
  for (const secret of secrets) expect(text.toString('latin1') + letter?.Reason).not.toContain(secret);
  return text;
}

describe('a dead letter holds no identity number, card or token', () => {
  it('of JSON lines', async () => {
    const line = `{"message":"${said}","authorization":"${token}","broken":}`;
    await post('/api/v1/logs/ndjson', 'application/x-ndjson', `${line}\n`);
    expect(String(await newest('ndjson'))).toBe(
      `{"message":"${hidden}","authorization":"[masked:key]","broken":}`,
    );
  });

  it('of a push to Loki, also in labels', async () => {
    const stream = { app: 'x', note: said, authorization: token };
    const body = JSON.stringify({ streams: [{ stream, values: [['not a time', said]] }] });
    expect((await post('/loki/api/v1/push', 'application/json', body)).status).toBe(400);
    const letter = String(await newest('loki/push'));
    expect(letter).toContain(hidden);
    expect(letter).toContain('"authorization":"[masked:key]"');
  });

  it('of documents for Elasticsearch', async () => {
    const document = `{"message":"${said}","@timestamp":"yesterday","password":"${token}"`;
    await post('/_bulk', 'application/x-ndjson', `{"create":{"_index":"logs"}}\n${document}\n`);
    expect(String(await newest('elastic/bulk'))).toContain(hidden);
  });

  it('of OTLP as JSON, also where only the name of the attribute tells', async () => {
    const attributes = [{ key: 'authorization', value: { stringValue: token } }];
    const record = { timeUnixNano: 'never', body: { stringValue: said }, attributes };
    const body = JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [record] }] }] });
    expect((await post('/v1/logs', 'application/json', body)).status).toBe(400);
    const letter = String(await newest('otlp/logs'));
    expect(letter).toContain(hidden);
    expect(letter).toContain('"key":"authorization","value":{"stringValue":"[masked:key]"}');
  });

  it('of OTLP as protobuf, whose lengths stay as they are', async () => {
    const field = (tag: number, bytes: Uint8Array | string) => {
      const data = Buffer.from(bytes);
      return Buffer.concat([
        Buffer.from([tag, (data.length & 0x7f) | (data.length > 127 ? 0x80 : 0)]),
        ...(data.length > 127 ? [Buffer.from([data.length >> 7])] : []),
        data,
      ]);
    };
    const any = (text: string) => field(0x0a, text);
    const attribute = field(0x32, Buffer.concat([field(0x0a, 'authorization'), field(0x12, any(token))]));
    const record = field(0x12, Buffer.concat([field(0x2a, any(said)), attribute]));
    const whole = field(0x0a, field(0x12, record));
    // Cut off in the last attribute but one byte: nobody can read it.
    const broken = Buffer.concat([whole, Buffer.from([0x0a, 0x7f])]);
    expect((await post('/v1/logs', 'application/x-protobuf', new Uint8Array(broken))).status).toBe(400);
    const letter = await newest('otlp/logs');
    expect(letter).toHaveLength(broken.length);
    const stars = (text: string) => '*'.repeat(text.length);
    expect(letter.toString('latin1')).toContain(
      `id ${stars(identity)} card ${stars(card)} token=${stars(token)}`,
    );
    expect(letter.indexOf('authorization')).toBe(broken.indexOf('authorization'));
  });

  it('of syslog, whose bytes that are no UTF-8 stay as they are', async () => {
    const config = configSchema.parse({ syslog: { tcp: { enabled: true, port: 0 } } });
    const log = createLogger({ level: 'silent' });
    const kept: Block[] = [];
    const masker = createMasker(await loadMasking(['catalog'], systemClock), config.masking);
    const door = createAdmission({
      config,
      clock: systemClock,
      log,
      append: async (block) => {
        if (block.table !== 'dead_letters') throw new ClewError('bad_request', 'not to be had');
        kept.push(block);
      },
      pendingBytes: () => 0,
      masker,
    });
    const syslog = createSyslog({ door, config, clock: systemClock, log });
    const socket = connect((await syslog.start()).tcp ?? 0, '127.0.0.1');
    const start = Buffer.from(`<11>1 - h app 7 - [x authorization="${token}"] caf`);
    socket.end(Buffer.concat([start, Buffer.from([0xe9]), Buffer.from(` ${said}\n`)]));
    await expect.poll(() => kept.length, { timeout: 5000 }).toBe(1);
    await syslog.stop();
    const block = Buffer.from(kept[0]?.bytes ?? []).toString('latin1');
    const payload = /PDExPjEg[A-Za-z0-9+/=]+/.exec(block)?.[0] ?? '';
    expect(Buffer.from(payload, 'base64').toString('latin1').split('\n')[0]).toBe(
      `<11>1 - h app 7 - [x authorization="[masked:key]"] caf\xe9 ${hidden}`,
    );
  });
});
