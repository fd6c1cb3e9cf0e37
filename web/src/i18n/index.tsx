/**
 * i18n — the words of the console in each language, chosen by the URL (`lang`), what was chosen before, the browser.
 *
 * Contract: every language has every key, held by type. Texts that the server wrote (titles, reasons) stay as they are.
 */
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from 'react';
import { en, type MessageKey } from './en.ts';
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
    String(values[name] ?? whole),
  );
}

interface Words {
  t: Translate;
  /** A text for a word of the server's (`kind.` + word), or the word itself when we have none for it. */
  word: (prefix: string, word: string) => string;
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
    return { t, word, language, setLanguage };
  }, [language]);
  return <WordsContext value={words}>{children}</WordsContext>;
}

export function useWords(): Words {
  const words = useContext(WordsContext);
  if (words === null) throw new Error('useWords needs WordsProvider above it');
  return words;
}

export const useT = (): Translate => useWords().t;
