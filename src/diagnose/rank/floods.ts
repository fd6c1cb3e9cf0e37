import { sentence } from '../../model/index.ts';
import type { Incident, LogRow } from '../incident.ts';
import type { Fact } from './facts.ts';
import type { Frame } from './frame.ts';
import { isTrouble } from './messages.ts';
import { constantPart } from './names.ts';
import { reference } from './reference.ts';
import { quoted, shownTimes } from './show.ts';
import { clamp } from './stats.ts';
import type { Template } from './templates.ts';
import type { Visit } from './visits.ts';

/** So many times as much as usual, beyond what more requests, of all or of its own, explain. */
const factorMin = 5;
/** Fewer records than these are no flood. */
const recordsMin = 100;
/** Fewer visits do not show how much a service writes. */
const askedMin = 5;
/** Of what was added, more than this being trouble makes it the trace of another fault. */
const troubleMost = 0.5;

/** Services that write many times as many records as before although they do nothing else. */
export function floodFacts(
  incident: Incident,
  frame: Frame,
  templates: ReadonlyMap<LogRow, Template>,
  visits: readonly Visit[],
): Fact[] {
  const spent = phaseLengths(frame);
  if (spent === null) return [];
  const growth = Math.max(
    1,
    growthOf(
      visits.filter((visit) => visit.parent === null),
      frame,
      spent,
    ).factor,
  );
  const visitsBy = Map.groupBy(
    visits.filter((visit) => visit.peer === null),
    (visit) => visit.service,
  );
  const byService = new Map<string, { before: number; during: Map<Template, number> }>();
  for (const log of incident.logs) {
    const template = templates.get(log);
    const phase = frame.phase(log.at);
    if (template === undefined || phase === 'outside') continue;
    const entry = byService.get(log.service) ?? { before: 0, during: new Map<Template, number>() };
    if (phase === 'during') entry.during.set(template, (entry.during.get(template) ?? 0) + 1);
    else if (log.at >= spent.from) entry.before++;
    byService.set(log.service, entry);
  }
  return [...byService].flatMap(([service, { before, during }]): Fact[] => {
    const asked = growthOf(visitsBy.get(service) ?? [], frame, spent);
    // What it writes when it is asked is not known of one that was hardly asked before.
    if (asked.before + asked.during > 0 && asked.before < askedMin) return [];
    const total = [...during.values()].reduce((sum, count) => sum + count, 0);
    const usual = (before / spent.before) * spent.during * Math.max(growth, asked.factor);
    const ratio = total / Math.max(usual, 1);
    const [most, count] = [...during].sort((a, b) => b[1] - a[1] || a[0].id - b[0].id)[0] ?? [];
    if (most === undefined || count === undefined || total < recordsMin || ratio < factorMin) return [];
    const trouble = [...during].reduce((sum, [template, n]) => sum + (isTrouble(template) ? n : 0), 0);
    if (trouble > troubleMost * (total - usual)) return [];
    return [
      {
        resource: service,
        layer: 'application',
        check: 'log_messages',
        kind: 'log_storm',
        strength: clamp(0.35 + Math.log2(ratio) / 8),
        own: 1,
        onset: frame.began,
        says: sentence('rca.flood', {
          service,
          factor: shownTimes(ratio),
          sample: quoted(most.example.body),
        }),
        evidence: [
          {
            dim: 'log',
            ref: reference(
              incident,
              'logs',
              { service, contains: constantPart(most.example.body) },
              { from: frame.began, to: frame.end },
            ),
          },
        ],
      },
    ];
  });
}

interface Spent {
  from: number;
  before: number;
  during: number;
}

/** How long each phase lasted; null where nothing is known of before. */
function phaseLengths(frame: Frame): Spent | null {
  const { baseline, began, end } = frame;
  if (baseline === null || baseline.to > began) return null;
  return {
    from: baseline.from,
    before: Math.max(1, baseline.to - baseline.from),
    during: Math.max(1, end - began),
  };
}

/** How many visits there were, and by what factor more in a time; 1 where there were none before. */
function growthOf(
  visits: readonly Visit[],
  frame: Frame,
  spent: Spent,
): { before: number; during: number; factor: number } {
  const count = (during: boolean): number =>
    visits.filter(
      (visit) => frame.phase(visit.start) !== 'outside' && (frame.phase(visit.start) === 'during') === during,
    ).length;
  const before = count(false);
  const during = count(true);
  return { before, during, factor: before === 0 ? 1 : during / spent.during / (before / spent.before) };
}
