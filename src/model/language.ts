import { fillTemplate, type Said, type SentenceParams, sentences } from './sentence.ts';
import { sentencesZh } from './sentence-zh.ts';
import { wordsZh } from './words-zh.ts';

export const languages = ['en', 'zh'] as const;
export type Language = (typeof languages)[number];

const templates: Record<Language, Readonly<Record<string, string>>> = { en: sentences, zh: sentencesZh };

/** A text in the language, by what it was made of; as it stands when its code or a value is not known. */
export function sayIn(language: Language, text: string, said?: Partial<Said> | null): string {
  const { code, params } = said ?? {};
  if (code === undefined || params === undefined || !Object.hasOwn(templates[language], code)) return text;
  return fillTemplate(templates[language][code] ?? '', inWords(language, params)) ?? text;
}

/** Kinds of changes are the only words among the values; people may invent their own. */
function inWords(language: Language, params: SentenceParams): SentenceParams {
  const { kind } = params;
  return kind === undefined ? params : { ...params, kind: wordIn(language, 'change', String(kind)) };
}

/** A word of a closed list (`kind`, `layer`, `check`, …) as it is read; what we have no word for stays. */
export function wordIn(language: Language, list: string, word: string): string {
  const key = `${list}.${word}`;
  const words: Readonly<Record<string, string>> = wordsZh;
  return (language === 'zh' ? words[key] : undefined) ?? word.replaceAll('_', ' ');
}

/**
 * The language that a reader asks for, as an `Accept-Language` header or a name; the first one that we speak counts, by its
 * weight. English where none is.
 */
export function languageOf(asked: string | undefined): Language {
  const wanted = (asked ?? '')
    .split(',')
    .map((part, index) => {
      const [tag = '', ...options] = part.trim().toLowerCase().split(';');
      const weight = options.map((option) => /^\s*q=([\d.]+)/.exec(option)?.[1]).find((q) => q !== undefined);
      return { tag, weight: weight === undefined ? 1 : Number(weight), index };
    })
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => b.weight - a.weight || a.index - b.index);
  for (const { tag } of wanted) {
    const known = languages.find((language) => tag === language || tag.startsWith(`${language}-`));
    if (known !== undefined) return known;
  }
  return 'en';
}
