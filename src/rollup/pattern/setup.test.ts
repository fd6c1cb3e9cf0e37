import { describe, expect, test } from 'vitest';
import { systemClock } from '../../lib/index.ts';
import { createPreparer, type PatternSetup, setupOf } from './setup.ts';

const prepare = (setup: Partial<PatternSetup>, message: string): string =>
  createPreparer({ field: '', ignore: [], masks: [], ...setup }, systemClock)(message);

describe('a message is read as its setup says', () => {
  test.each<[string, Partial<PatternSetup>, string, string]>([
    ['as it is', {}, 'a b', 'a b'],
    ['its field', { field: 'msg' }, '{"msg":"a b","n":1}', 'a b'],
    ['whole when it lacks the field', { field: 'msg' }, '{"n":1}', '{"n":1}'],
    ['whole when the field is no text', { field: 'msg' }, '{"msg":{"a":1}}', '{"msg":{"a":1}}'],
    ['whole when it is no JSON', { field: 'msg' }, '{"msg":"a', '{"msg":"a'],
    ['whole when it is a list', { field: 'msg' }, '[1]', '[1]'],
    ['without ignored keys of JSON', { ignore: ['host'] }, '{"host":"a","m":"x"}', '{"host":"0","m":"x"}'],
    [
      'without ignored keys of key=value',
      { ignore: ['host'] },
      'host=a ghost=b host="c d"',
      'host=0 ghost=b host=0',
    ],
    ['with its masks', { masks: ['Q-\\w+', 'z'] }, 'Q-ab of z', '0 of 0'],
    ['with masks on its field', { field: 'msg', masks: ['b+'] }, '{"msg":"a bb"}', 'a 0'],
    ['a key with a special character', { ignore: ['a.b(c'] }, 'a.b(c=1 axb(c=2', 'a.b(c=0 axb(c=2'],
  ])('%s', (_name, setup, message, expected) => {
    expect(prepare(setup, message)).toBe(expected);
  });

  test('and refused when its masks take too long, naming the slowest', () => {
    let now = 0;
    const monotonic = () => {
      now += 600;
      return now;
    };
    const slow = { ...systemClock, monotonic };
    const read = createPreparer({ field: '', ignore: [], masks: ['a', 'b'] }, slow);
    read('x');
    expect(() => read('x')).toThrow(/masks took more than 2000 ms; the slowest is "a"/);
  });
});

test('an application has its own setup, or that of all', () => {
  const named = (service: string, field: string) => ({
    service,
    setup: { field, ignore: [], masks: [] },
    updatedAt: 0,
    updatedBy: 'x',
  });
  const setups = [named('', 'all'), named('shop', 'own')];
  expect([setupOf(setups, 'shop').field, setupOf(setups, 'other').field, setupOf([], 'x').field]).toEqual([
    'own',
    'all',
    '',
  ]);
});
