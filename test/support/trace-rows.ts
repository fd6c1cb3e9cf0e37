/** What the rows of an incident say, counted by the definitions that stand here and by nothing of the ranking. */

import type { Incident, LogRow, Series } from '../../src/diagnose/incident.ts';
import type { Indicator } from '../../src/diagnose/indicators/index.ts';
import { graphOf } from '../../src/diagnose/rank/graph.ts';
import { parseReference } from '../../src/diagnose/rank/reference.ts';
import { quoted } from '../../src/diagnose/rank/show.ts';
import { type Template, templatesOf } from '../../src/diagnose/rank/templates.ts';
import { type Visit, visitsOf } from '../../src/diagnose/rank/visits.ts';
import type { FullAnswer, LayerFinding } from '../../src/diagnose/report/index.ts';
import type { Said } from '../../src/model/index.ts';

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, one) => sum + one, 0) / values.length;
export const ascending = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);
export const median = (values: readonly number[]): number => {
  const sorted = ascending(values);
  const at = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(at)] ?? 0) + (sorted[Math.ceil(at)] ?? 0)) / 2;
};
/** The rows that a reference leads to, wherever they are kept. */
export type FindRows = (ref: string) => Promise<readonly unknown[]>;

export class Rows {
  protected readonly find: FindRows;
  protected readonly incident: Incident;
  protected readonly answer: FullAnswer;
  protected readonly indicators: readonly Indicator[];
  protected readonly onset: number;
  protected readonly window: { from: number; to: number };
  protected readonly baseline: { from: number; to: number } | null;
  protected readonly visits: Visit[];
  protected readonly templates: Map<LogRow, Template>;
  constructor(find: FindRows, incident: Incident, answer: FullAnswer, indicators: readonly Indicator[]) {
    this.find = find;
    this.incident = incident;
    this.answer = answer;
    this.indicators = indicators;
    this.onset = Date.parse(answer.onset);
    this.window = { from: Date.parse(answer.window.from), to: Date.parse(answer.window.to) };
    this.baseline = answer.baseline && {
      from: Date.parse(answer.baseline.from),
      to: Date.parse(answer.baseline.to),
    };
    this.visits = visitsOf(incident.spans, incident.logs, graphOf(incident).nodes);
    this.templates = templatesOf(incident.logs);
  }

  /** A value of the incident is compared with the baseline, and with what lies before the window where that comes later. */
  protected phase(at: number): 'baseline' | 'before' | 'during' | null {
    if (at >= this.window.from && at <= this.window.to) return at < this.onset ? 'before' : 'during';
    const base = this.baseline;
    if (base !== null && at >= base.from && at <= base.to) return 'baseline';
    return at < this.window.from && (base === null || base.to < this.window.from) ? 'baseline' : null;
  }

  protected series(service: unknown, metric: unknown): Series | undefined {
    return this.incident.series.find((one) => one.service === service && one.metric === metric);
  }

  protected values(series: Series) {
    const of = { baseline: [] as number[], before: [] as number[], during: [] as number[] };
    series.times.forEach((at, i) => {
      const phase = this.phase(at);
      if (phase !== null) of[phase].push(series.values[i] ?? 0);
    });
    return of;
  }

  /** The last so many inside the window, by time: since a change of behaviour; and all that came before them. */
  protected since<What>(all: readonly { at: number; what: What }[], count: unknown) {
    const inside = all
      .filter(({ at }) => at >= this.window.from && at <= this.window.to)
      .sort((a, b) => a.at - b.at);
    const since = inside.slice(Math.max(0, inside.length - Number(count)));
    const later = new Set(since);
    const before = all.filter((one) => !later.has(one) && this.phase(one.at) !== null);
    return { since, before };
  }

  /** How often a message is followed by the one that a sentence names, or is said as often as another. */
  protected followers(params: Said['params']): { at: number; what: boolean }[] {
    const operation = String(params.operation);
    const pairs: { at: number; what: boolean }[] = [];
    const wanted = 'log' in params ? String(params.log) : 'end';
    for (const visit of this.visits) {
      if (visit.service !== params.service) continue;
      if (operation.startsWith('after “')) {
        const bySpan = Map.groupBy(visit.logs, (log) => log.spanId);
        for (const list of bySpan.values())
          for (const [i, log] of list.entries()) {
            if (quoted(`after “${this.statement(log)}”`) !== operation) continue;
            const next = list[i + 1];
            pairs.push({
              at: log.at,
              what: quoted(next === undefined ? 'end' : this.statement(next)) === wanted,
            });
          }
      } else {
        const counts = new Map<string, number>();
        for (const log of visit.logs)
          counts.set(this.statement(log), (counts.get(this.statement(log)) ?? 0) + 1);
        for (const [statement, count] of counts) {
          if (count < 2 || quoted(`${visit.operation}, times “${statement}”`) !== operation) continue;
          const equal = [...counts].some(
            ([other, times]) => other !== statement && times === count && quoted(other) === wanted,
          );
          pairs.push({ at: visit.start, what: equal });
        }
      }
    }
    return pairs;
  }

  /** What stands behind `:` or `=` is a value, unless the message tells of trouble. */
  protected statement(log: LogRow): string {
    const template = this.templates.get(log);
    const text = template?.text ?? '';
    const trouble =
      /^(WARN|ERROR|FATAL|CRIT|SEVERE)/.test(template?.severity ?? '') ||
      /\b(error|exception|fail(ed|ure|ing)?|fatal|panic|not found|unable|cannot|can't|refused|denied|timed? ?out|timeout|invalid|unexpected|illegal|null ?pointer|abort(ed)?|reject(ed)?|unavailable|no such|missing|overflow|out of)\b/i.test(
        text,
      );
    if (trouble) return text.slice(0, 200);
    return text
      .replace(/([:=：]\s*)(\[[^\]]*\]?|\{[^}]*\}?|[^\s,;)\]}]+)/g, '$1<*>')
      .replace(/<\*>(\s*,?\s*<\*>)+/g, '<*>')
      .slice(0, 200);
  }

  protected statementLike(service: unknown, quote: unknown): string {
    const log = this.incident.logs.find((one) => one.service === service && quoted(one.body) === quote);
    return log === undefined ? '' : this.statement(log);
  }

  /** Messages of the incident that name it, and of all that came with the incident. */
  protected named(name: unknown): LogRow[] {
    const lower = String(name).toLowerCase();
    return this.incident.logs.filter((log) => {
      const { body, attributes } = this.templates.get(log)?.example ?? log;
      return (
        this.phase(log.at) === 'during' &&
        `${body} ${Object.values(attributes).join(' ')}`.toLowerCase().includes(lower)
      );
    });
  }

  /** How many times as many records as usual, beyond what more requests explain; NaN without a baseline. */
  protected flood(service: unknown): number {
    const base = this.baseline;
    if (base === null) return Number.NaN;
    const length = Math.max(1, this.window.to - this.onset);
    const per = (list: readonly number[], during: boolean) =>
      list.filter((at) => (during ? this.phase(at) === 'during' : at >= base.from && at < this.onset))
        .length / (during ? length : Math.max(1, base.to - base.from));
    const entries = this.visits.flatMap((visit) => (visit.parent === null ? [visit.start] : []));
    const records = this.incident.logs.flatMap((log) => (log.service === service ? [log.at] : []));
    const growth = per(entries, false) === 0 ? 1 : Math.max(1, per(entries, true) / per(entries, false));
    return (per(records, true) * length) / Math.max(1, per(records, false) * length * growth);
  }

  protected recounted(finding: LayerFinding, strict: (at: number) => 'during' | 'before' | null) {
    const { file, where } = parseReference(finding.evidence[0]?.ref ?? '');
    const both = (of: (phase: 'during' | 'before') => number[]) => ({
      during: of('during'),
      before: of('before'),
    });
    const minutes = (phase: 'during' | 'before') => {
      const span = phase === 'during' ? { from: this.onset, to: this.window.to } : this.baseline;
      return span === null ? 1 : Math.max(1_000, span.to - span.from) / 60_000;
    };
    if (file.startsWith('metrics')) {
      const series = this.series(where.service, where.metric);
      return both((phase) => {
        const own = (series?.values ?? []).filter((_, i) => strict(series?.times[i] ?? 0) === phase);
        const sorted = ascending(own);
        const taken = [
          mean(own),
          own.at(-1) ?? 0,
          sorted[0] ?? 0,
          sorted.at(-1) ?? 0,
          sorted[Math.min(sorted.length - 1, Math.floor(0.95 * sorted.length))] ?? 0,
        ];
        // A sender tells seconds or percent where the check tells milliseconds or shares.
        return taken.flatMap((one) => [
          one,
          mean(own.map((each) => each * 0.01)),
          one / 100,
          mean(own.map((each) => each * 1_000)),
        ]);
      });
    }
    if (file.startsWith('logs')) {
      const expression = new RegExp(where.matches ?? '', 'iu');
      const least = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'].indexOf(where.at_least ?? 'TRACE');
      const level = (severity: string) =>
        /^(FATAL|CRIT)/.test(severity)
          ? 5
          : /^(ERR|SEVERE)/.test(severity)
            ? 4
            : severity.startsWith('WARN')
              ? 3
              : severity.startsWith('DEBUG')
                ? 1
                : severity.startsWith('TRACE')
                  ? 0
                  : 2;
      return both((phase) => [
        this.incident.logs.filter(
          (log) =>
            log.service === where.service &&
            strict(log.at) === phase &&
            level(log.severity) >= least &&
            expression.test(log.body),
        ).length / minutes(phase),
      ]);
    }
    if (file.startsWith('spans'))
      return both((phase) => this.ofVisits(finding, where, (at) => strict(at) === phase, minutes(phase)));
    return both(() => []);
  }

  /** Every figure that requests or calls can be told by; which one is meant the check says. */
  protected ofVisits(
    finding: LayerFinding,
    where: Readonly<Record<string, string>>,
    inside: (at: number) => boolean,
    minutes: number,
  ): number[] {
    const reads = this.indicators.find(({ id }) => id === finding.check)?.reads ?? [];
    const statuses = reads.flatMap((reading) => ('measure' in reading ? (reading.status ?? []) : []));
    const [caller, callee] = finding.resource.split(' → ');
    const statement = finding.check === 'query_time' && where.name !== undefined;
    const own = this.visits.filter(
      (visit) =>
        inside(visit.start) &&
        (statement
          ? visit.parent?.service === caller && visit.operation === where.name && visit.peer === 'database'
          : callee === undefined
            ? visit.service === caller && visit.peer === null
            : visit.parent?.service === caller && visit.service === callee),
    );
    const status = (visit: Visit) =>
      Number(
        visit.spans[0]?.attributes['http.response.status_code'] ??
          visit.spans[0]?.attributes['http.status_code'] ??
          Number.NaN,
      );
    const telling = own.filter((visit) => !Number.isNaN(status(visit)));
    const sorted = ascending(own.map((visit) => visit.durationMs));
    const share = (list: readonly Visit[], test: (visit: Visit) => boolean) =>
      list.filter(test).length / Math.max(1, list.length);
    return [
      own.length / (60 * minutes),
      share(own, (visit) => visit.failed),
      1 - share(own, (visit) => visit.failed),
      share(own, (visit) => visit.durationMs > 2_000),
      share(telling, (visit) => status(visit) >= 500),
      share(telling, (visit) => status(visit) >= 400 && status(visit) < 500),
      share(telling, (visit) => statuses.includes(status(visit))),
      mean(own.map((visit) => visit.durationMs)),
      ...[0.5, 0.95, 0.99].map(
        (q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0,
      ),
    ];
  }
}
