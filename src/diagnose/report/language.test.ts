import { expect, it } from 'vitest';
import { latinWords } from '../../../test/support/chinese.ts';
import {
  causeKinds,
  fillTemplate,
  holesOf,
  languageOf,
  layers,
  type SentenceParams,
  sayIn,
  sentences,
  wordIn,
} from '../../model/index.ts';
import { checkIds } from '../rank/facts.ts';

it('every code is said in Chinese without an English word', () => {
  for (const [code, template] of Object.entries(sentences)) {
    const names = [...new Set(holesOf(template))];
    for (const given of [names, ...names.map((left) => names.filter((name) => name !== left))]) {
      // Values are what senders wrote: they may stay. Digits stand for them here.
      const params: SentenceParams = Object.fromEntries(given.map((name, i) => [name, 10 + i]));
      if (fillTemplate(template, params) === null) continue;
      const text = sayIn('zh', 'english', { code: code as keyof typeof sentences, params });
      expect({ code, text, latin: latinWords(text) }).toEqual({ code, text, latin: [] });
    }
  }
});

it('every word of the closed lists is said in Chinese', () => {
  const lists: Record<string, readonly string[]> = {
    kind: causeKinds,
    layer: layers,
    check: checkIds,
    verdict: ['root_cause', 'external', 'inconclusive'],
    status: ['ok', 'suspect', 'no_data', 'finding', 'quiet', 'excluded'],
  };
  for (const [list, words] of Object.entries(lists))
    for (const word of words) expect(latinWords(wordIn('zh', list, word))).toEqual([]);
});

it('an English sentence in a Chinese report is caught', () => {
  expect(latinWords('cart CPU 使用率 96.9 %，平时 unknown。')).toEqual(['cart', 'unknown']);
});

it('the language is the first that is asked for and spoken, English without one', () => {
  expect(languageOf('zh-CN,zh;q=0.9,en;q=0.8')).toBe('zh');
  expect(languageOf('en-US,en;q=0.9,zh;q=0.8')).toBe('en');
  expect(languageOf('fr, zh;q=0.2, en;q=0.1')).toBe('zh');
  expect(languageOf('zh;q=0, en')).toBe('en');
  expect(languageOf('*')).toBe('en');
  expect(languageOf(undefined)).toBe('en');
});
