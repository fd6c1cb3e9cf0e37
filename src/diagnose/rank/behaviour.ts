import type { EpochMs } from '../../model/index.ts';
import type { LogRow } from '../incident.ts';
import type { Frame } from './frame.ts';
import { findShift, type Observed, rateRatio, type Shift } from './shift.ts';
import { clamp } from './stats.ts';
import type { Template } from './templates.ts';
import type { Visit } from './visits.ts';

/** A service does something it did not do before, or no longer what it always did. */
export interface Deviation {
  service: string;
  operation: string;
  /** What comes or is missing: a log template, a call, a local operation, the order of two messages. */
  outcome: Outcome;
  appears: boolean;
  shift: Shift<Visit>;
  /** Nats, after all factors. */
  weight: number;
  /** Visits that deviate and in which nothing deeper deviates. */
  credited: Visit[];
  visits: Visit[];
}
export interface Outcome {
  kind: 'log' | 'call' | 'span' | 'failed' | 'next' | 'as often';
  text: string;
  severity: string;
  example: LogRow | null;
}

/** Below this many nats a difference is noise among the thousands that are looked at. */
const weightMin = 2;
/**
 * A rate this near to never or always is a rule of the program; between them it depends on the requests. Records and spans
 * get lost, so a rule ends little by little.
 */
const neverMax = 0.02;
const alwaysMin = 0.95;
const ruleEnds = 0.15;
const mixFactor = 0.35;
/** What goes well and did not come before is most often another kind of request. */
const wellFactor = 0.6;
/** Comparisons are not independent: messages of one statement come and go together. */
const chanceShare = 0.7;
/** However clear it is that requests come in another mix, it is no more than that. */
const mixMost = 14;
/** Words with which programs say that something went wrong. */
export const troubleWords =
  /\b(error|exception|fail(ed|ure|ing)?|fatal|panic|not found|unable|cannot|can't|refused|denied|timed? ?out|timeout|invalid|unexpected|illegal|null ?pointer|abort(ed)?|reject(ed)?|unavailable|no such|missing|overflow|out of)\b/i;

export function deviationsOf(
  visits: readonly Visit[],
  templates: ReadonlyMap<LogRow, Template>,
  frame: Frame,
  noticed: EpochMs,
): Deviation[] {
  const book = new ContextBook();
  for (const visit of visits) observeVisit(book, visit, templates);
  const found: Deviation[] = [];
  // Among thousands of comparisons some differ by chance; each nat of that is no evidence. Trouble is looked at by itself:
  // there is far less of it.
  const compared = { trouble: 0, other: 0 };
  for (const { outcomes } of book.contexts.values())
    for (const outcome of outcomes.values())
      if (isTroubled(outcome)) compared.trouble++;
      else compared.other++;
  const chanceOf = (outcome: Outcome): number =>
    chanceShare * Math.log(1 + (isTroubled(outcome) ? compared.trouble : compared.other));
  for (const context of book.contexts.values()) {
    const inTrace = Map.groupBy(context.occurrences, ({ visit }) => visit.traceId);
    const weights = context.occurrences.map(({ visit }) =>
      independence(inTrace.get(visit.traceId)?.length ?? 1),
    );
    for (const [key, outcome] of context.outcomes) {
      const observed: Observed<Visit>[] = context.occurrences.map(({ visit, at, outcomes }, i) => ({
        at,
        value: outcomes.has(key) ? 1 : 0,
        what: visit,
        weight: weights[i] ?? 1,
      }));
      const shift = findShift(observed, frame, noticed, rateRatio);
      if (shift === null) continue;
      const deviation = deviationOf(context, outcome, {
        ...shift,
        weight: Math.max(0, shift.weight - chanceOf(outcome)),
      });
      if (deviation.weight >= weightMin) found.push(deviation);
    }
  }
  return explainDeeper(found);
}

/** Visits of one request share its luck: of this correlation, what each of so many still says. */
const sharedLuck = 0.5;
const independence = (visits: number): number => 1 / (1 + (visits - 1) * sharedLuck);

const isTroubled = ({ severity, text }: Outcome): boolean =>
  /^(ERROR|FATAL|CRITICAL|SEVERE)/.test(severity) || troubleWords.test(text);
const inOrder: ReadonlySet<Outcome['kind']> = new Set(['next', 'as often']);

function deviationOf(context: Context, outcome: Outcome, shift: Shift<Visit>): Deviation {
  const appears = shift.after.mean > shift.before.mean;
  const rule = appears
    ? clamp(1 - (shift.before.mean - neverMax) / ruleEnds)
    : clamp(1 - (alwaysMin - shift.before.mean) / ruleEnds);
  const trouble = isTroubled(outcome);
  const well = appears && !inOrder.has(outcome.kind) ? wellFactor : 1;
  // Trouble that went away is no fault.
  const words = trouble ? (appears ? 1.6 : 0.2) : well;
  const visits = shift.since.filter((one) => (one.value === 1) === appears).map((one) => one.what);
  const mixed = mixFactor * (trouble && appears ? shift.weight : Math.min(mixMost, shift.weight));
  const ruled = mixed + rule * (shift.weight - mixed);
  // What the first service of a request calls is chosen by who sends the request.
  const chosen =
    outcome.kind === 'call' && appears && visits.every((visit) => visit.parent === null) ? 0.3 : 1;
  return {
    service: context.service,
    operation: context.operation,
    outcome,
    appears,
    shift,
    weight: ruled * chosen * words,
    credited: visits,
    visits,
  };
}

interface Context {
  service: string;
  operation: string;
  occurrences: { visit: Visit; at: EpochMs; outcomes: ReadonlySet<string> }[];
  outcomes: Map<string, Outcome>;
}

/** Contexts and outcomes beyond these are not looked at: names that are values would make millions. */
const contextsMax = 20_000;
const outcomesMax = 400;

class ContextBook {
  readonly contexts = new Map<string, Context>();

  add(visit: Visit, operation: string, at: EpochMs, outcomes: ReadonlyMap<string, Outcome>): void {
    const key = `${visit.service}\u0000${operation}`;
    let context = this.contexts.get(key);
    if (context === undefined) {
      if (this.contexts.size >= contextsMax) return;
      context = { service: visit.service, operation, occurrences: [], outcomes: new Map() };
      this.contexts.set(key, context);
    }
    context.occurrences.push({ visit, at, outcomes: new Set(outcomes.keys()) });
    for (const [name, outcome] of outcomes)
      if (context.outcomes.size < outcomesMax && !context.outcomes.has(name))
        context.outcomes.set(name, outcome);
  }
}

/**
 * The statement of the program that wrote a message. What stands behind `:` or `=` is a value even where it holds no
 * digit; where something went wrong it is told apart, because there it says what.
 */
function statementOf(template: Template): string {
  const text = template.text;
  if (/^(WARN|ERROR|FATAL|CRIT|SEVERE)/.test(template.severity) || troubleWords.test(text))
    return text.slice(0, 200);
  return text
    .replace(/([:=：]\s*)(\[[^\]]*\]?|\{[^}]*\}?|[^\s,;)\]}]+)/g, '$1<*>')
    .replace(/<\*>(\s*,?\s*<\*>)+/g, '<*>')
    .slice(0, 200);
}

function observeVisit(book: ContextBook, visit: Visit, templates: ReadonlyMap<LogRow, Template>): void {
  const outcomes = new Map<string, Outcome>();
  const put = (kind: Outcome['kind'], text: string, severity = '', example: LogRow | null = null) =>
    outcomes.set(`${kind} ${text}`, { kind, text, severity, example });
  const bySpan = new Map<string, { text: string; log: LogRow; template: Template }[]>();
  const counts = new Map<string, { count: number; log: LogRow; template: Template }>();
  for (const log of visit.logs) {
    const template = templates.get(log);
    if (template === undefined) continue;
    const text = statementOf(template);
    put('log', text, template.severity, log);
    const counted = counts.get(text);
    if (counted) counted.count++;
    else counts.set(text, { count: 1, log, template });
    const list = bySpan.get(log.spanId);
    if (list) list.push({ text, log, template });
    else bySpan.set(log.spanId, [{ text, log, template }]);
  }
  for (const call of visit.calls) put('call', `${call.service} ${call.operation}`);
  for (const span of visit.spans) put('span', span.name);
  if (visit.failed) put('failed', 'failed', 'ERROR');
  book.add(visit, visit.operation, visit.start, outcomes);
  observeCounts(book, visit, counts);
  for (const list of bySpan.values()) {
    for (const [i, one] of list.entries()) {
      const next = list[i + 1];
      const text = next?.text ?? 'end';
      const outcome: Outcome = {
        kind: 'next',
        text,
        severity: next?.template.severity ?? '',
        example: next?.log ?? one.log,
      };
      book.add(visit, `after “${one.text}”`, one.log.at, new Map([[`next ${text}`, outcome]]));
    }
  }
}

/** Statements of one loop are said equally often; when one is said less often than the others, the loop breaks early. */
function observeCounts(
  book: ContextBook,
  visit: Visit,
  counts: ReadonlyMap<string, { count: number; log: LogRow; template: Template }>,
): void {
  if (counts.size > countedMax) return;
  for (const [text, { count }] of counts) {
    if (count < 2) continue;
    const equal = new Map<string, Outcome>();
    for (const [other, { count: times, log, template }] of counts)
      if (other !== text && times === count)
        equal.set(`as often ${other}`, {
          kind: 'as often',
          text: other,
          severity: template.severity,
          example: log,
        });
    book.add(visit, `${visit.operation}, times “${text}”`, visit.start, equal);
  }
}
/** Statements of one visit beyond which their numbers are not compared with each other. */
const countedMax = 60;

/** Where a called service deviates in the same request, the caller's deviation is its consequence. */
function explainDeeper(deviations: Deviation[]): Deviation[] {
  const weights = new Map<Visit, number>();
  for (const { visits, weight } of deviations)
    for (const visit of visits) weights.set(visit, Math.max(weights.get(visit) ?? 0, weight));
  const deepest = new Map<Visit, number>();
  const below = (visit: Visit, steps = 0): number => {
    const known = deepest.get(visit);
    if (known !== undefined) return known;
    deepest.set(visit, 0);
    const weight =
      steps > 200
        ? 0
        : visit.calls.reduce(
            (max, call) =>
              Math.max(
                max,
                call.service === visit.service ? 0 : (weights.get(call) ?? 0),
                below(call, steps + 1),
              ),
            0,
          );
    deepest.set(visit, weight);
    return weight;
  };
  for (const deviation of deviations) {
    deviation.credited = deviation.visits.filter((visit) => below(visit) < 0.5 * deviation.weight);
    const share = deviation.visits.length === 0 ? 0 : deviation.credited.length / deviation.visits.length;
    // Nobody called is the deviation itself, not a consequence: such visits stay credited.
    deviation.weight *= share;
  }
  return deviations
    .filter(({ weight }) => weight >= weightMin)
    .sort((a, b) => b.weight - a.weight || (a.service < b.service ? -1 : 1));
}
