import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fillTemplate, holesOf, type SentenceParams, sentences } from '../../../src/model/sentence.ts';
import { sayPhrases, saySentence } from './index.tsx';
import { phrasesZh } from './phrases.zh.ts';
import { sentencesZh } from './sentences.zh.ts';

const chinese: Record<string, string> = sentencesZh;
const root = join(import.meta.dirname, '../../..');

test('every code of the server has a Chinese template that says the same values', () => {
  expect(Object.keys(chinese).sort()).toEqual(Object.keys(sentences).sort());
  for (const [code, template] of Object.entries(sentences)) {
    const holes = (text: string): string[] => [...new Set(holesOf(text))].sort();
    expect({ code, holes: holes(chinese[code] ?? '') }).toEqual({ code, holes: holes(template) });
  }
});

test('whatever makes an English sentence makes a Chinese one: brackets hold no value that must be given', () => {
  for (const [code, template] of Object.entries(sentences)) {
    const outside = holesOf(template.replace(/\[[^\]]*\]/g, ''));
    const least: SentenceParams = Object.fromEntries(outside.map((name) => [name, name]));
    expect({ code, text: fillTemplate(template, least) }).not.toEqual({ code, text: null });
    expect({ code, text: fillTemplate(chinese[code] ?? '', least) }).not.toEqual({ code, text: null });
  }
});

test('a sentence is said in Chinese by its code, quotes as they are', () => {
  const said = {
    code: 'log_pattern.new',
    params: { service: 'cart', sample: 'no [room] {left}', rate: '3' },
  };
  expect(saySentence('zh', 'english', said)).toBe('cart 每秒 3 次写入日志“no [room] {left}”；此前从未出现。');
  expect(saySentence('en', 'english', said)).toBe('english');
});

test('the English text stays when the code is not known or a value is missing', () => {
  expect(saySentence('zh', 'english', { code: 'no.such', params: {} })).toBe('english');
  expect(saySentence('zh', 'english', { code: 'toString', params: {} })).toBe('english');
  expect(saySentence('zh', 'english', { code: 'log_pattern.new', params: { service: 'cart' } })).toBe(
    'english',
  );
  expect(saySentence('zh', 'english', { code: 'log_pattern.new' })).toBe('english');
  expect(saySentence('zh', 'english', undefined)).toBe('english');
});

test('the kind of a change is said in Chinese inside a sentence, an invented one stays', () => {
  const params = { service: 'cart', title: 'cart 2.0', secondsBefore: 40 };
  const near = (kind: string) => saySentence('zh', '', { code: 'change.near', params: { ...params, kind } });
  expect(near('deploy')).toBe('故障开始前 40 秒，cart 发生部署：cart 2.0。');
  expect(near('new_moon')).toContain('new_moon');
});

test('known reasons are said in Chinese one by one, others stay', () => {
  expect(sayPhrases('zh', 'held for 60 s')).toBe('已持续达标 60 秒');
  expect(
    sayPhrases(
      'zh',
      'looks fine; no policy approves this by itself (risk 0.4, confidence 0.91); one person must approve',
    ),
  ).toBe('looks fine；没有策略能自行批准(风险 0.4，把握 0.91)；须由一人批准');
  expect(sayPhrases('en', 'held for 60 s')).toBe('held for 60 s');
});

test('every known reason stands in the sources of the server or in the built-in policies', () => {
  const sources = ['src/cases', 'src/remedy', 'src/ledger', 'src/operate', 'catalog/policies']
    .flatMap((folder) => readdirSync(join(root, folder)).map((name) => join(root, folder, name)))
    .filter((path) => /\.(ts|cedar)$/.test(path))
    .map((path) => readFileSync(path, 'utf8'))
    .join('\n');
  for (const english of Object.keys(phrasesZh)) expect(sources).toContain(english.split(/\{| \(/)[0]);
});

test('every reason of the built-in policies is known', () => {
  const policies = readFileSync(join(root, 'catalog/policies/default.cedar'), 'utf8');
  const reasons = [...policies.matchAll(/@reason\("([^"]*)"\)/g)].map((match) => match[1] ?? '');
  expect(reasons.length).toBeGreaterThan(0);
  for (const reason of reasons) expect(Object.keys(phrasesZh)).toContain(reason);
});
