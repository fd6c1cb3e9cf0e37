import fc from 'fast-check';
import { expect, test } from 'vitest';
import { splitWords } from './argv.ts';

test('words are split as a reader expects', () => {
  expect(splitWords(`echo ok`)).toEqual(['echo', 'ok']);
  expect(splitWords(`  a  'b c' "d \\" e" f\\ g '' `)).toEqual(['a', 'b c', 'd " e', 'f g', '']);
  expect(splitWords(`echo 'open`)).toBeNull();
  expect(splitWords('')).toEqual([]);
});

test('what is quoted comes out as it went in', () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (words) => {
      const line = words.map((word) => `"${word.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`).join(' ');
      expect(splitWords(line)).toEqual(words);
    }),
  );
});
