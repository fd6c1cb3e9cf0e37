import { describe, expect, it } from 'vitest';
import { PatternBatch, templateId } from './batch.ts';
import { lineKey, lineKeyResult } from './line-key.ts';

function mined(messages: readonly string[], wordings?: number) {
  const batch = new PatternBatch(wordings);
  const numbers = messages.map((message) => {
    const bytes = Buffer.from(`|${message}|`);
    return batch.add(bytes, 1, bytes.length - 1);
  });
  const result = batch.mine();
  const templates = numbers.map((number, index) => {
    const at = number < 0 ? result.match(messages[index] ?? '') : (result.ofWording[number] ?? -1);
    return result.templates[at]?.template;
  });
  return { templates, result };
}

const keyOf = (text: string) => {
  const bytes = Buffer.from(text);
  lineKey(bytes, 0, bytes.length);
  return `${lineKeyResult.high}.${lineKeyResult.low}`;
};

describe('the key of a line', () => {
  it.each([
    ['order 17 took 3.5ms', 'order 4711 took 120ms'],
    ['ids [1, 2, 3]', 'ids [4, 5]'],
    ['a  b\tc', 'a b c'],
    ['commit deadbeef ok', 'commit cafebabeff ok'],
    ['订单123已完成', '订单5已完成'],
  ])('is one for %j and %j', (a, b) => expect(keyOf(a)).toBe(keyOf(b)));

  it.each([
    ['open "a file" failed', 'open "another one" failed'],
    ['order 17 failed', 'order 17 done'],
    ['r24=1', 's24=1'],
    ['ok init2() 1', 'ok stop2() 1'],
    ['class org.example.v2.Job', 'class org.example.v2.Task'],
    ['订单123已完成', '订单123已取消'],
    ['a b', 'ab'],
  ])('is another for %j and %j', (a, b) => expect(keyOf(a)).not.toBe(keyOf(b)));
});

describe('a batch', () => {
  it('tells the template of each message, and names it by its text', () => {
    const { templates, result } = mined(['job 1 done', 'disk full', 'job 2 done', '']);
    expect(templates).toEqual(['job <*> done', 'disk full', 'job <*> done', '']);
    expect(result.templates[0]).toEqual({
      id: templateId('job <*> done'),
      template: 'job <*> done',
      count: 2,
      example: expect.stringMatching(/^job [12] done$/),
    });
  });

  it('compares messages beyond its wordings with the templates of the others', () => {
    const names = ['ann', 'bob', 'carl', 'dora', 'eve', 'fred'];
    const messages = [
      ...names.map((name) => `user ${name} logged in from 10.0.0.7`),
      'never seen 1',
      'never seen 2',
    ];
    const { templates, result } = mined(messages, 3);
    expect(templates).toEqual([
      ...names.map(() => 'user <*> logged in from <*>'),
      'never seen <*>',
      'never seen <*>',
    ]);
    expect(result.templates.map(({ count }) => count)).toEqual([6, 2]);
  });

  it('keeps a constant number in a word that all its messages have, and opens one that varies', () => {
    expect(mined(['port 1 ssh2', 'port 2 ssh2']).templates).toEqual(['port <*> ssh2', 'port <*> ssh2']);
    expect(mined(['link of eth0 up', 'link of eth1 up']).templates[0]).toBe('link of eth<*> up');
  });

  it('takes a setting for constant that is 0 in a hundred messages, and no other number', () => {
    const logins = (n: number) =>
      Array.from({ length: n }, (_, i) => `denied uid=0 level=7 port=${i} rhost=10.0.0.${i}`);
    expect(mined(logins(120)).templates[0]).toBe('denied uid=0 level=<*> port=<*> rhost=<*>');
    expect(mined(logins(20)).templates[0]).toBe('denied uid=<*> level=<*> port=<*> rhost=<*>');
    const one = 'denied uid=1 level=7 port=3 rhost=10.0.0.1';
    expect(mined([...logins(120), one]).templates[0]).toBe('denied uid=<*> level=<*> port=<*> rhost=<*>');
  });

  it('finds one template where names and ids of letters vary together', () => {
    const letters = (n: number): string =>
      n < 20 ? String.fromCharCode(103 + n) : letters(Math.floor(n / 20)) + letters(n % 20);
    const messages = Array.from(
      { length: 3_000 },
      (_, n) => `session q${letters(n * 7_919 + 8_000)}z of w${letters(n % 300)}y closed`,
    );
    expect(new Set(mined(messages).templates)).toEqual(new Set(['session <*> of <*> closed']));
  });
});
