import type { EpochMs } from '../../model/index.ts';
import type { LogRow } from '../incident.ts';
import { troubleWords } from './behaviour.ts';
import type { Frame } from './frame.ts';
import type { Template } from './templates.ts';

/** A log message that came with the incident, grew, or stopped. */
export interface MessageChange {
  template: Template;
  service: string;
  change: 'new' | 'grown' | 'gone';
  /** Records before and during, and records a minute. */
  before: number;
  during: number;
  ratePerMinute: number;
  usualPerMinute: number;
  first: EpochMs;
  last: EpochMs;
  trouble: boolean;
  /** 0–1. */
  strength: number;
  records: LogRow[];
}

const grownFactor = 3;
const goneMin = 4;
const recordsKept = 200;

/** Compares how often every template comes, by service; without traces this is all that logs tell. */
export function messageChanges(templates: ReadonlyMap<LogRow, Template>, frame: Frame): MessageChange[] {
  const counts = new Map<Template, { before: number; during: LogRow[]; last: EpochMs }>();
  for (const [log, template] of templates) {
    const phase = frame.phase(log.at);
    if (phase === 'outside') continue;
    let entry = counts.get(template);
    if (entry === undefined) {
      entry = { before: 0, during: [], last: log.at };
      counts.set(template, entry);
    }
    if (phase === 'during') entry.during.push(log);
    else {
      entry.before++;
      entry.last = Math.max(entry.last, log.at);
    }
  }
  const minutes = Math.max(1, frame.end - frame.began) / 60_000;
  const calm =
    (frame.baseline ? frame.baseline.to - frame.baseline.from : 0) +
    Math.max(0, frame.began - frame.window.from);
  const usualMinutes = Math.max(calm, 60_000) / 60_000;
  const found: MessageChange[] = [];
  for (const [template, { before, during, last }] of counts) {
    const usual = calm > 0 ? before / usualMinutes : 0;
    const rate = during.length / minutes;
    const trouble = isTrouble(template);
    const expected = usual * minutes;
    const change =
      before === 0 && during.length > 0
        ? 'new'
        : during.length >= 3 && rate > grownFactor * usual
          ? 'grown'
          : expected >= goneMin && during.length <= 0.1 * expected
            ? 'gone'
            : null;
    if (change === null) continue;
    const severe = /^(ERROR|FATAL|CRIT|SEVERE|ALERT|EMERG|PANIC)/.test(template.severity);
    const amount = 1 - Math.exp(-during.length / 4);
    const base = change === 'gone' ? 0.35 : severe ? 0.95 : trouble ? 0.7 : change === 'new' ? 0.4 : 0.3;
    found.push({
      template,
      service: template.service,
      change,
      before,
      during: during.length,
      ratePerMinute: rate,
      usualPerMinute: usual,
      first: during[0]?.at ?? frame.began,
      last: during.at(-1)?.at ?? last,
      trouble: trouble || severe,
      strength: change === 'gone' ? base : base * amount * (change === 'grown' ? 0.8 : 1),
      records: during.slice(0, recordsKept),
    });
  }
  return found.sort(
    (a, b) => b.strength - a.strength || b.during - a.during || a.template.id - b.template.id,
  );
}

export const isTrouble = (template: Template): boolean =>
  /^(WARN|ERROR|FATAL|CRIT|SEVERE|ALERT|EMERG|PANIC)/.test(template.severity) ||
  troubleWords.test(template.text);
