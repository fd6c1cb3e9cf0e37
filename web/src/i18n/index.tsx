/**
 * i18n — the words of the console in each language, chosen by the URL (`lang`), what was chosen before, the browser.
 *
 * Contract: every language has every key, held by type. A sentence of the server's is said by its code where the
 * language has a template for it and every value came with it; else it stays as the server wrote it. Texts that people
 * wrote (titles of changes and plans, reasons of their own) always stay.
 */
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from 'react';
import { fillTemplate, type SentenceParams } from '../../../src/model/sentence.ts';
import { en, type MessageKey } from './en.ts';
import { phrasesZh } from './phrases.zh.ts';
import { sentencesZh } from './sentences.zh.ts';
import { zh } from './zh.ts';

export type { MessageKey };
export const languages = ['en', 'zh'] as const;
export type Language = (typeof languages)[number];
type Values = Record<string, string | number>;
export type Translate = (key: MessageKey, values?: Values) => string;

const dictionaries: Record<Language, Record<MessageKey, string>> = { en, zh };
const storageKey = 'clew.language';
const isLanguage = (text: string | null): text is Language => languages.some((language) => language === text);

export function chooseLanguage(): Language {
  const inUrl = new URLSearchParams(location.search).get('lang');
  if (isLanguage(inUrl)) return inUrl;
  const stored = localStorage.getItem(storageKey);
  if (isLanguage(stored)) return stored;
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

export function translate(language: Language, key: MessageKey, values: Values = {}): string {
  return dictionaries[language][key].replace(/\{(\w+)\}/g, (whole, name: string) =>
    sayLength(language, String(values[name] ?? whole)),
  );
}

const lengthUnits: Record<Language, Record<string, [alone: string, first: string]>> = {
  en: {},
  zh: { d: ['天', '天'], h: ['小时', '小时'], m: ['分钟', '分'], s: ['秒', '秒'] },
};

/** A length of time (`30 m`, `1 h 05 m`) in the language; any other text stays. */
export function sayLength(language: Language, text: string): string {
  const [, count, unit = '', countAfter, unitAfter = ''] =
    /^(\d+) ([dhms])(?: (\d+) ([hms]))?$/.exec(text) ?? [];
  const words = lengthUnits[language];
  const own = words[unit];
  if (count === undefined || own === undefined) return text;
  if (countAfter === undefined) return `${count} ${own[0]}`;
  return `${count} ${own[1]} ${countAfter} ${words[unitAfter]?.[unitAfter === 'm' && unit === 'h' ? 1 : 0] ?? unitAfter}`;
}

/** A text with what it was made of, where the server says so. */
interface MaybeSaid {
  code?: string;
  params?: SentenceParams;
}

const templates: Record<Language, Record<string, string>> = { en: {}, zh: sentencesZh };
const phrases: Record<Language, Record<string, string>> = { en: {}, zh: phrasesZh };

/** The server's sentence in the language, or its own text when the code or a value is not known. */
export function saySentence(language: Language, text: string, said?: MaybeSaid | null): string {
  if (!said?.code || !said.params || !Object.hasOwn(templates[language], said.code)) return text;
  const { kind } = said.params;
  const params = kind === undefined ? said.params : { ...said.params, kind: changeWord(language, `${kind}`) };
  return fillTemplate(templates[language][said.code] ?? '', params) ?? text;
}

/** Reasons joined by the server: each that is a known phrase in the language, the others as they are. */
export const sayPhrases = (language: Language, text: string): string =>
  sayPhrase(language, text) ??
  text
    .split('; ')
    .map((part) => sayPhrase(language, part) ?? part)
    .join(language === 'zh' ? '；' : '; ');

function sayPhrase(language: Language, text: string): string | null {
  for (const [english, own] of Object.entries(phrases[language])) {
    const escaped = english.replace(/[.*+?^$()[\]\\|]/g, '\\$&');
    const found = new RegExp(`^${escaped.replace(/\{(\w+)\}/g, '(?<$1>[^;()]+?)')}$`).exec(text);
    if (found) return fillTemplate(own, { ...found.groups });
  }
  return null;
}

function changeWord(language: Language, kind: string): string {
  const key = `change.${kind}`;
  return isKey(key) ? translate(language, key) : kind;
}

export interface Words {
  t: Translate;
  /** A text for a word of the server's (`kind.` + word), or the word itself when we have none for it. */
  word: (prefix: string, word: string) => string;
  /** The kind of a change; people may invent their own. */
  changeKind: (kind: string) => string;
  /** A sentence of the server's. */
  say: (text: string, said?: MaybeSaid | null) => string;
  /** A length of time that stands alone. */
  length: (text: string) => string;
  /** A reason of the server's that has no code. */
  phrase: (text: string) => string;
  language: Language;
  setLanguage: (language: Language) => void;
}

const WordsContext = createContext<Words | null>(null);
const isKey = (text: string): text is MessageKey => Object.hasOwn(en, text);

export function WordsProvider({ children }: { children: ReactNode }) {
  const [language, setLanguage] = useState<Language>(chooseLanguage);
  useEffect(() => {
    document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
    localStorage.setItem(storageKey, language);
  }, [language]);
  const words = useMemo<Words>(() => {
    const t: Translate = (key, values) => translate(language, key, values);
    const word = (prefix: string, text: string): string => {
      const key = `${prefix}.${text}`;
      return isKey(key) ? t(key) : text.replaceAll('_', ' ');
    };
    const changeKind = (kind: string) => changeWord(language, kind);
    const say: Words['say'] = (text, said) => saySentence(language, text, said);
    const phrase = (text: string) => sayPhrases(language, text);
    const length = (text: string) => sayLength(language, text);
    return { t, word, changeKind, say, length, phrase, language, setLanguage };
  }, [language]);
  return <WordsContext value={words}>{children}</WordsContext>;
}

export function useWords(): Words {
  const words = useContext(WordsContext);
  if (words === null) throw new Error('useWords needs WordsProvider above it');
  return words;
}

export const useT = (): Translate => useWords().t;
