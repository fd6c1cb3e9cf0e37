import { expect, test } from 'vitest';
import { en } from './en.ts';
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
