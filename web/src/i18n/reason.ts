import type { TimelineEntry } from '../api/types.ts';
import { saySentence, type Words } from './index.tsx';

/** Why an entry of the timeline stands there: from what it carries where that says it, else the server's own words. */
export function timelineReason(entry: TimelineEntry, { language, word, phrase, t }: Words): string {
  if (language === 'en') return entry.reason;
  const { kind, resource, titles } = entry.meta;
  if (entry.event === 'findings' && typeof kind === 'string' && typeof resource === 'string')
    return t('case.finding', { kind: word('kind', kind), resource });
  if ((entry.event === 'signals' || entry.event === 'signals_ended') && Array.isArray(titles)) {
    const texts = entry.reason.split('; ');
    if (texts.length === titles.length)
      return texts.map((text, i) => saySentence(language, text, titles[i])).join('; ');
  }
  return phrase(entry.reason);
}
