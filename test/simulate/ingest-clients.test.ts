/** Official JavaScript clients, as an application uses them: every record arrives, and once. */
import { Client } from '@elastic/elasticsearch';
import pino from 'pino';
import { pinoLoki } from 'pino-loki';
import { afterEach, describe, expect, it } from 'vitest';
import { pretended, useFronts } from './ingest-fronts.ts';

const fronts = useFronts();
const bodies = async (service: string) => (await fronts.rows(service)).map((row) => String(row.Body)).sort();

afterEach(() => {
  pretended.pendingBytes = 0;
});

describe('the Elasticsearch client', () => {
  const documents = (service: string, count: number) =>
    Array.from({ length: count }, (_, i) => ({
      '@timestamp': new Date(Date.UTC(2026, 0, 1) + i).toISOString(),
      message: `document ${i}`,
      log: { level: 'info' },
      service: { name: service },
    }));
  const settings = { flushBytes: 100_000, concurrency: 3 };

  it('sends with its bulk helper, with the token as API key', async () => {
    const client = new Client({ node: fronts.guardedUrl, auth: { apiKey: 'secret' } });
    const stats = await client.helpers.bulk({
      ...settings,
      datasource: documents('es-bulk', 5000),
      onDocument: () => ({ create: { _index: 'shop' } }),
    });
    expect(stats).toMatchObject({ total: 5000, successful: 5000, failed: 0, aborted: false });
    expect(await bodies('es-bulk')).toEqual(
      documents('', 5000)
        .map(({ message }) => message)
        .sort(),
    );
    await client.close();
  });

  it('is told which documents were refused, and sends them only once', async () => {
    const client = new Client({ node: fronts.url });
    const dropped: unknown[] = [];
    const good = documents('es-part', 10);
    const stats = await client.helpers.bulk({
      ...settings,
      datasource: [...good, { '@timestamp': 'soon', message: 'bad', service: { name: 'es-part' } }],
      onDocument: () => ({ index: { _index: 'shop' } }),
      onDrop: (drop) => dropped.push(drop.error?.type),
    });
    expect(stats).toMatchObject({ total: 11, successful: 10, failed: 1, retry: 0 });
    expect(dropped).toEqual(['document_parsing_exception']);
    expect(await bodies('es-part')).toHaveLength(10);
    await client.close();
  });

  it('sees an Elasticsearch: info, ping, exists', async () => {
    const client = new Client({ node: fronts.url });
    expect((await client.info()).version.number).toMatch(/^8\./);
    expect(await client.ping()).toBe(true);
    expect(await client.indices.existsIndexTemplate({ name: 'x' })).toBe(false);
    await client.close();
  });
});

describe('pino-loki', () => {
  it('pushes what pino writes: level, labels, the line itself', async () => {
    const stream = pinoLoki({
      host: fronts.guardedUrl,
      basicAuth: { username: 'clew', password: 'secret' },
      labels: { app: 'pl-app' },
      propsToLabels: [],
      batching: { interval: 1, maxBufferSize: 10_000 },
    });
    const log = pino({ level: 'trace' }, stream);
    for (let i = 0; i < 1000; i++) log[i % 100 === 0 ? 'error' : 'info']({ i }, `line ${i}`);
    stream.end();
    await expect
      .poll(async () => (await bodies('pl-app')).length, { timeout: 20_000, interval: 200 })
      .toBe(1000);
    const rows = await fronts.rows('pl-app');
    const numbers = rows.map((row) => Number(JSON.parse(String(row.Body)).i)).sort((a, b) => a - b);
    expect(numbers).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect(rows.filter((row) => row.SeverityNumber === 17)).toHaveLength(10);
    expect(rows[0]?.ResourceAttributes).toMatchObject({ app: 'pl-app', 'service.name': 'pl-app' });
  });
});
