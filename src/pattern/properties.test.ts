import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matches } from './match.ts';
import { type Mining, mineTemplates, type PatternSample } from './mine.ts';

const word = fc.constantFrom(
  ...'disk user node started stopped for from by error of the cache task état 订单 key'.split(' '),
);
const value = fc.oneof(
  fc.integer({ min: -9, max: 99_999 }).map(String),
  fc.constantFrom(
    '10.1.2.3',
    '10.1.2.4:80',
    '/var/log/x.log',
    'blk_17',
    '0xff',
    'eth0',
    '5 KB',
    '2 MB',
    '12ms',
    'true',
    'bob',
  ),
  fc.constantFrom(
    '"a b"',
    "'x'",
    '()',
    '(1.5 KB)',
    '[7]',
    'a=',
    'a=1',
    '<*>',
    '{}',
    'q="z 1"',
    '...',
    '%',
    '12:30:01',
    'a:b',
  ),
  fc.string({ maxLength: 8 }),
);
const messages = fc.array(
  fc.array(fc.oneof({ weight: 2, arbitrary: word }, value), { maxLength: 9 }).map((parts) => parts.join(' ')),
  { minLength: 1, maxLength: 60 },
);

const samplesOf = (list: readonly string[]): PatternSample[] =>
  [...new Set(list)].map((message) => ({ shape: `of ${message}`, message, count: 1 + (message.length % 7) }));

const found = (mining: Mining) =>
  mining.templates
    .map((mined) => ({ ...mined, shapes: [...mined.shapes].sort() }))
    .sort((a, b) => (a.template < b.template ? -1 : 1));

type Miner = (samples: readonly PatternSample[], known?: readonly string[]) => Mining;
const miners: [string, Miner][] = [
  ['messages', (samples, known) => mineTemplates(samples, known, { complete: true, quotedIsValue: false })],
  ['shapes', (samples, known) => mineTemplates(samples, known)],
];

function sameInAnyOrder(mine: Miner): void {
  fc.assert(
    fc.property(messages, fc.integer(), (list, seed) => {
      const samples = samplesOf(list);
      const turned = samples
        .map((sample, index) => ({ sample, at: Math.imul(index + 1, seed | 1) }))
        .sort((a, b) => a.at - b.at)
        .map(({ sample }) => sample);
      expect(found(mine(turned))).toEqual(found(mine(samples)));
    }),
  );
}

describe.each(miners)('mining %s', (_, mine) => {
  it('finds the same in whatever order samples come', () => sameInAnyOrder(mine));

  it('finds a template that fits for each, once', () => {
    fc.assert(
      fc.property(messages, (list) => {
        const samples = samplesOf(list);
        const mining = mine(samples);
        for (const { shape, message } of samples) {
          const mined = mining.templateOfShape.get(shape);
          expect(mined && matches(mined.template, message), `${mined?.template} for ${message}`).toBe(true);
          expect(mining.templates.filter(({ shapes }) => shapes.includes(shape))).toEqual([mined]);
        }
        const total = (counts: { count: number }[]) => counts.reduce((sum, { count }) => sum + count, 0);
        expect(total(mining.templates)).toBe(total(samples));
      }),
    );
  });

  it('finds the same template in its own messages alone', () => {
    fc.assert(
      fc.property(messages, (list) => {
        const samples = samplesOf(list);
        for (const { template, shapes } of mine(samples).templates) {
          const own = mine(samples.filter(({ shape }) => shapes.includes(shape)));
          expect(own.templates.map((mined) => mined.template)).toEqual([template]);
        }
      }),
    );
  });

  it('keeps what is known for messages that came before', () => {
    fc.assert(
      fc.property(messages, (list) => {
        const samples = samplesOf(list);
        const first = mine(samples);
        const again = mine(
          samples,
          first.templates.map(({ template }) => template),
        );
        for (const { shape, message } of samples) {
          const { template } = again.templateOfShape.get(shape) ?? { template: '' };
          expect(first.templates.map((mined) => mined.template)).toContain(template);
          expect(matches(template, message)).toBe(true);
        }
      }),
    );
  });
});

it('the property of order finds a miner that looks at the first message only', () => {
  const careless: Miner = (samples) => {
    const mining = mineTemplates(samples);
    const [first] = samples;
    return {
      ...mining,
      templates: mining.templates.map((mined) => ({ ...mined, example: first?.message ?? '' })),
    };
  };
  expect(() => sameInAnyOrder(careless)).toThrow(/Property failed/);
});
