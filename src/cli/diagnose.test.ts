import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { diagnoseCommand } from './diagnose.ts';
import { priors } from './priors.ts';

const root = mkdtempSync(join(tmpdir(), 'clew-diagnose-'));
const dir = join(root, 'incident');
afterAll(() => rmSync(root, { recursive: true, force: true }));
beforeAll(() => {
  mkdirSync(dir);
  const rows = ['ts,service,metric,value'];
  for (let minute = 0; minute < 30; minute++)
    for (const [service, metric, usual, now] of [
      ['shop', 'latency_mean_ms', 40, 900],
      ['cart', 'latency_mean_ms', 20, 850],
    ] as const)
      rows.push(
        `${new Date(Date.UTC(2026, 2, 3, 10, minute)).toISOString()},${service},${metric},${(minute < 20 ? usual : now) + (minute % 3)}`,
      );
  writeFileSync(join(dir, 'metrics.csv'), rows.join('\n'));
  writeFileSync(join(dir, 'topology.csv'), 'src,dst,relation\nshop,cart,CALLS\n');
  writeFileSync(
    join(dir, 'meta.json'),
    JSON.stringify({
      incident_at: '2026-03-03T10:21:00Z',
      symptom: { service: 'shop', metric: 'latency_mean_ms' },
    }),
  );
});

async function run(flags: Record<string, string>, json = true): Promise<string> {
  let text = '';
  expect(
    await diagnoseCommand([dir], flags, {
      json,
      write: (part) => {
        text += part;
      },
    }),
  ).toBe(0);
  return text;
}
const answer = async (flags: Record<string, string>) => JSON.parse(await run(flags));

describe('clew diagnose', () => {
  it('answers the same to the byte, in either language', async () => {
    expect(await run({})).toBe(await run({}));
    expect(await run({ lang: 'zh' }, false)).toBe(await run({ lang: 'zh-CN' }, false));
    expect(await run({ lang: 'zh' }, false)).toContain('已找到根因');
    const [english, chinese] = [await answer({}), await answer({ lang: 'zh' })];
    expect(chinese.causes[0].said).toEqual(english.causes[0].said);
    expect(chinese.causes[0].reasons).not.toEqual(english.causes[0].reasons);
  });
  it('writes a page in the language', async () => {
    const html = join(root, 'report.html');
    await run({ html, lang: 'zh' });
    expect(readFileSync(html, 'utf8')).toContain('<html lang="zh-CN">');
  });
  it('judges by checks of other directories as well', async () => {
    const own = join(root, 'own/checks');
    mkdirSync(own, { recursive: true });
    const said = (en: string) => `{ en: "${en}", zh: "${en}" }`;
    writeFileSync(
      join(own, 'cart.yaml'),
      `id: cart_wait\nlayer: data\ntitle: ${said('Cart')}\nreads:\n  - metric: [latency_mean_ms]\nratio: 3\nfinding: ${said('{resource} waits {value}')}\ncauses: { en: [x], zh: [x] }\nadvice: ${said('x')}\n`,
    );
    const { layers } = await answer({ catalog: join(root, 'own') });
    const data = layers.find((layer: { layer: string }) => layer.layer === 'data');
    expect(data.findings[0]).toMatchObject({ check: 'cart_wait' });
    expect(data.no_data).toContain('query_time');
  });
  it('uses what cases taught only where a file of it is named', async () => {
    const file = join(root, 'priors.json');
    const prior = {
      kind: 'latency_regression',
      resource_type: 'service',
      confirmed: 0,
      refuted: 9,
      adjustment: -0.05,
    };
    writeFileSync(file, JSON.stringify({ data: [{ ...prior, cases: [] }] }));
    const [plain, moved] = [await answer({}), await answer({ priors: file })];
    expect(moved.causes[0].score).toBeCloseTo(plain.causes[0].score - 0.05, 3);
    expect(moved.causes[0].reasons.at(-1)).toContain('refuted 9 times; this moved the score');
    expect(plain.causes[0].reasons.join()).not.toContain('refuted');
  });
  it.each([
    [{ lang: 'fr' }, '--lang fr: it is one of en, zh.'],
    [{ html: 'true' }, '--html names the file'],
    [{ priors: 'true' }, '--priors names a file'],
    [{ catalog: 'true' }, '--catalog names directories'],
    [{ langauge: 'zh' }, 'There is no --langauge'],
  ])('refuses %j', async (flags, message) => {
    await expect(run(flags as Record<string, string>)).rejects.toThrow(message);
  });
});

it('clew priors lists and forgets by the API', async () => {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const prior = {
      kind: 'slow_query',
      resource_type: 'database',
      confirmed: 2,
      refuted: 0,
      adjustment: 0.033,
    };
    response.end(
      JSON.stringify(
        request.method === 'DELETE'
          ? { forgotten: 2 }
          : { enabled: true, data: [{ ...prior, cases: [{ number: 7 }] }] },
      ),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const said = async (words: string[], flags: Record<string, string> = {}) => {
    let text = '';
    const write = (part: string): void => {
      text += part;
    };
    await priors(words, flags, { url, token: '', json: false, write });
    return text;
  };
  expect(await said([])).toBe('slow_query\tdatabase\tconfirmed 2\trefuted 0\t+0.033\tINC-7\n');
  expect(await said(['forget', 'slow_query', 'database'])).toBe('2 cases forgotten\n');
  expect(await said(['forget'], { all: 'true' })).toBe('2 cases forgotten\n');
  await expect(said(['forget', 'slow_query'])).rejects.toThrow('Name a kind and a type, or --all');
  expect(asked).toEqual([
    'GET /api/v1/priors',
    'DELETE /api/v1/priors?kind=slow_query&resource_type=database',
    'DELETE /api/v1/priors',
  ]);
  server.close();
});
