import fc from 'fast-check';
import { expect, it } from 'vitest';
import { jsonBreak } from './json-break.ts';

it.each([
  ['{"a": ]}', 6],
  ['[1, 2', null],
  ['', null],
  ['{"a": 1,}', 8],
  ['[1,]', 3],
  ['{a: 1}', 1],
  ['{"a" 1}', 5],
  ['[01]', 2],
  ['[1}', 2],
  ['["a\nb"]', 1],
  ['[1] x', 4],
  ["['a']", 1],
])('names the place where %j breaks', (text, at) => expect(jsonBreak(text)).toBe(at));

it('finds the break of any JSON that a sign was put into, never before it', () => {
  fc.assert(
    fc.property(fc.json(), fc.nat(), (text, place) => {
      const at = place % (text.length + 1);
      const broken = `${text.slice(0, at)}}${text.slice(at)}`;
      let valid = true;
      try {
        JSON.parse(broken);
      } catch {
        valid = false;
      }
      fc.pre(!valid);
      const found = jsonBreak(broken);
      expect(found === null || found <= broken.length).toBe(true);
      // What stands before the break is the beginning of some JSON: it only ends too early.
      if (found !== null) expect(jsonBreak(broken.slice(0, found))).toBeOneOf([null, found]);
    }),
    { seed: 20_261_120, numRuns: 500 },
  );
});
