import { describe, expect, it } from 'vitest';
import { matches } from './match.ts';
import { mineTemplates, templateOf } from './mine.ts';
import { messageCharsMax } from './tokens.ts';

const samples = (messages: string[]) =>
  messages.map((message, index) => ({ shape: String(index), message, count: 1 }));

describe('templateOf', () => {
  it.each([
    ['GET /api/cart/42 took 12ms', 'GET <*> took <*>ms'],
    ['user=17 logged in from 10.0.0.7:443', 'user=<*> logged in from <*>:<*>'],
    ['order 3f2504e0-4f89-11d3-9a0c-0305e82c3301 stored.', 'order <*> stored.'],
    ['pool exhausted, waited 5000 ms (limit 3)', 'pool exhausted, waited <*> ms (limit <*>)'],
    ['call to http://pay.example.test:9443/charge failed', 'call to http://<*> failed'],
    ['订单123已完成，耗时35ms', '订单<*>已完成，耗时<*>ms'],
    ['at Fri Jun 17 07:07:00 2005 and 2026-01-02T03:04:05.678Z', 'at <*> and <*>'],
    ['no values here', 'no values here'],
    ['', ''],
  ])('replaces the values of %j and nothing else', (message, template) => {
    expect(templateOf(message)).toBe(template);
    expect(matches(template, message)).toBe(true);
  });

  it('reads only the beginning of an endless message', () => {
    const message = 'x '.repeat(messageCharsMax);
    expect(templateOf(message).length).toBeLessThanOrEqual(messageCharsMax);
    expect(matches(templateOf(message), message)).toBe(true);
  });
});

describe('mineTemplates', () => {
  it('joins messages that differ by a value in one template', () => {
    const mining = mineTemplates(samples(['took 5 ms', 'took 6 ms', 'took 700 ms']));
    expect(mining.templates).toEqual([
      {
        template: 'took <*> ms',
        count: 3,
        shapes: ['0', '1', '2'],
        example: 'took 5 ms',
        exampleCount: 1,
      },
    ]);
  });

  it('takes a word for a variable only where many different words stand', () => {
    const people = ['ann', 'bob', 'carl', 'dora'].map((name) => `user ${name} logged in`);
    expect(mineTemplates(samples(people)).templates.map((mined) => mined.template)).toEqual([
      'user <*> logged in',
    ]);
    const states = ['started', 'paused', 'resumed'].map((state) => `virtual machine was ${state}`);
    expect(mineTemplates(samples(states)).templates).toHaveLength(3);
  });

  it('gives the same templates in whatever order messages arrive', () => {
    const messages = ['a 1 x', 'a 2 y', 'b 3', 'user ann in', 'user bob in', 'user carl in', 'user dora in'];
    const texts = (list: string[]) =>
      mineTemplates(samples(list))
        .templates.map((mined) => mined.template)
        .sort();
    expect(texts([...messages].reverse())).toEqual(texts(messages));
  });

  it('keeps a known template for a new shape that fits it', () => {
    const mining = mineTemplates(samples(['user eve logged in']), ['user <*> logged in']);
    expect(mining.templateOfShape.get('0')?.template).toBe('user <*> logged in');
  });
});
