import { expect, test } from 'vitest';
import { en } from './en.ts';
import { sayLength, translate } from './index.tsx';
import { phrasesZh } from './phrases.zh.ts';
import { sentencesZh } from './sentences.zh.ts';
import { zh } from './zh.ts';

const holesOf = (text: string): string[] =>
  [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '').sort();
const chinese: Record<string, string> = zh;

test('every Chinese text fills the same holes as the English one', () => {
  for (const [key, text] of Object.entries(en)) {
    expect({ key, holes: holesOf(chinese[key] ?? '') }).toEqual({ key, holes: holesOf(text) });
  }
});

test('no text is empty', () => {
  for (const text of [...Object.values(en), ...Object.values(zh)]) expect(text.trim()).not.toBe('');
});

test('Chinese texts have Chinese punctuation', () => {
  const narrow = /[\u4e00-\u9fff”][,;:!?]|[,;:!?] ?[\u4e00-\u9fff“]/;
  const texts = { ...zh, ...sentencesZh, ...phrasesZh };
  expect(Object.entries(texts).filter(([, text]) => narrow.test(text))).toEqual([]);
});

test('a length of time is said in the language, another text stays', () => {
  expect(['30 m', '42 s', '1 m 06 s', '1 h 05 m', '2 d 4 h'].map((text) => sayLength('zh', text))).toEqual([
    '30 分钟',
    '42 秒',
    '1 分 06 秒',
    '1 小时 05 分',
    '2 天 4 小时',
  ]);
  expect(['30m', '3 kg', '–'].map((text) => sayLength('zh', text))).toEqual(['30m', '3 kg', '–']);
  expect(sayLength('en', '30 m')).toBe('30 m');
  expect(translate('zh', 'time.last', { span: '30 m' })).toBe('最近 30 分钟');
});
