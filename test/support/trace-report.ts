/**
 * Follows every sentence of a report back to the rows of its bundle and counts again what it says. Nothing of the ranking is
 * used: rows as they were read, visits of requests and templates of messages, and the definitions that stand here.
 */

import type { Series } from '../../src/diagnose/incident.ts';
import { figure } from '../../src/diagnose/indicators/index.ts';
import { unreachableWords } from '../../src/diagnose/rank/complaints.ts';
import { givenUp } from '../../src/diagnose/rank/names.ts';
import { parseReference } from '../../src/diagnose/rank/reference.ts';
import {
  quoted,
  shownLead,
  shownNumber,
  shownPercent,
  shownTime,
  shownTimes,
} from '../../src/diagnose/rank/show.ts';
import { messageOf } from '../../src/diagnose/rank/trace-facts.ts';
import type { Visit } from '../../src/diagnose/rank/visits.ts';
import type { LayerFinding } from '../../src/diagnose/report/index.ts';
import { fillTemplate, type Said, sentences } from '../../src/model/index.ts';

import { ascending, mean, median, Rows } from './trace-rows.ts';

export interface Traced {
  sentences: number;
  rows: number;
  problems: string[];
}

export class Tracer extends Rows {
  readonly #problems: string[] = [];

  #sentences = 0;

  #rows = 0;

  /** What is wrong with one sentence. */
  async problemsOf(text: string, said: Said, refs: readonly string[]): Promise<string[]> {
    const known = this.#problems.length;
    await this.#sentence(text, said, refs);
    return this.#problems.splice(known);
  }

  async trace(): Promise<Traced> {
    const { causes, checks, changes, layers, missing, missingSaid, caveats } = this.answer;
    for (const cause of causes)
      for (const [i, text] of cause.reasons.entries()) {
        const said = cause.said[i];
        if (said === undefined) this.#wrong(text, 'has no code');
        else await this.#sentence(text, said, said.evidence);
      }
    for (const check of checks)
      await this.#sentence(
        check.summary,
        check.said,
        check.evidence.map(({ ref }) => ref),
        check.check,
      );
    for (const change of changes) await this.#sentence(change.considered, change.said, [], change.id);
    for (const [i, text] of missing.entries()) await this.#sentence(text, missingSaid[i] ?? null, []);
    for (const caveat of caveats) if (caveat.code === undefined) this.#wrong(caveat.text, 'has no code');
    for (const layer of layers) {
      this.#sentences++;
      const suspect = new Set(layer.findings.map(({ check }) => check)).size;
      const looked = suspect + layer.quiet.length;
      for (const [name, value] of Object.entries({ count: suspect, looked }))
        if (name in layer.params && layer.status !== 'no_data')
          this.#is(layer.text, name, layer.params, value);
      for (const finding of layer.findings) await this.#finding(finding);
    }
    return { sentences: this.#sentences, rows: this.#rows, problems: this.#problems };
  }

  #wrong(text: string, why: string): void {
    this.#problems.push(`${text} — ${why}`);
  }

  /** The value of a sentence is one of these. */
  #is(text: string, name: string, params: Said['params'], ...values: (string | number)[]): void {
    const said = String(params[name]);
    if (!values.map(String).includes(said))
      this.#wrong(text, `${name} is ${said}, its rows say ${[...new Set(values)].join(' or ')}`);
  }

  async #sentence(text: string, said: Said | null, refs: readonly string[], about = ''): Promise<void> {
    this.#sentences++;
    // A check that only a change speaks for says the title of the change.
    if (said === null) {
      if (!this.incident.events.some((event) => event.title === text)) this.#wrong(text, 'is no title');
      return;
    }
    if (fillTemplate(sentences[said.code], said.params) !== text)
      this.#wrong(text, 'is not what its code says');
    for (const ref of refs) {
      const rows = await this.find(ref);
      this.#rows += rows.length;
      if (rows.length === 0) this.#wrong(text, `${ref} finds no row`);
    }
    const verify = this.#verifiers[said.code];
    if (verify === undefined) this.#wrong(text, `nobody counts ${said.code} again`);
    else {
      if (verify.rows && refs.length === 0) this.#wrong(text, 'has no evidence');
      verify.count(text, said.params, refs, about);
    }
  }

  /** Now: the mean, or that of the worse half. Before: the median, or with what came right before the onset. */
  #metric(text: string, params: Said['params'], series: Series | undefined): void {
    if (series === undefined) {
      this.#wrong(text, 'names no series');
      return;
    }
    const { baseline, before, during } = this.values(series);
    const sorted = ascending(during);
    const half = Math.max(1, Math.ceil(sorted.length / 2));
    const now = [mean(during), mean(sorted.slice(-half)), mean(sorted.slice(0, half))];
    this.#is(text, 'now', params, ...now.map(shownNumber));
    if (!('before' in params)) return;
    const usual = baseline.length >= 3 ? median(baseline) : median([...baseline, ...before]);
    const near =
      before.length === 0
        ? []
        : [median(before), (before.length * median(before) + 2 * usual) / (before.length + 2)];
    const none = baseline.length + before.length === 0 ? [0, 100] : [];
    this.#is(text, 'before', params, ...[usual, ...near, ...none].map(shownNumber));
  }

  #byMetric(rows = true) {
    return {
      rows,
      count: (text: string, params: Said['params'], refs: readonly string[]) => {
        const { where } = parseReference(refs[0] ?? '');
        this.#metric(text, params, this.series(where.service, where.metric));
        const share = /^(\d+(?:\.\d+)?) %$/.exec(String(params.share ?? '100 %'))?.[1];
        if (share === undefined || Number(share) > 100) this.#wrong(text, `share is ${params.share}`);
      },
    };
  }

  #durations(kind: 'own' | 'way') {
    return {
      rows: true,
      count: (text: string, params: Said['params']) => {
        const own = this.visits.filter((visit) =>
          kind === 'own'
            ? visit.service === params.service && visit.operation === params.operation
            : visit.service === params.service &&
              visit.parent?.service === params.caller &&
              visit.gapMs !== null,
        );
        const { since, before } = this.since(
          own.map((visit) => ({ at: visit.start, what: kind === 'own' ? visit.ownMs : (visit.gapMs ?? 0) })),
          params.count,
        );
        this.#is(text, 'count', params, since.length);
        this.#is(text, 'now', params, shownNumber(mean(since.map(({ what }) => what))));
        this.#is(
          text,
          'before',
          params,
          shownNumber(before.length === 0 ? 0 : median(before.map(({ what }) => what))),
        );
      },
    };
  }

  #outcome(appears: boolean) {
    return {
      rows: true,
      count: (text: string, params: Said['params']) => {
        const own = this.visits.filter(
          (visit) => visit.service === params.service && visit.operation === params.operation,
        );
        const statement = this.statementLike(params.service, params.log);
        const has = (visit: Visit): boolean =>
          'log' in params
            ? visit.logs.some((log) => this.statement(log) === statement)
            : 'call' in params
              ? visit.calls.some((call) => `${call.service} ${call.operation}` === params.call)
              : 'span' in params
                ? visit.spans.some((span) => span.name === params.span)
                : visit.failed;
        const { since, before } = this.since(
          own.map((visit) => ({ at: visit.start, what: has(visit) === appears })),
          params.total,
        );
        this.#counted(text, params, since, before, 'count');
      },
    };
  }

  #counted(
    text: string,
    params: Said['params'],
    since: readonly { what: boolean }[],
    before: readonly { what: boolean }[],
    name: 'count' | 'after',
  ): void {
    const yes = (list: readonly { what: boolean }[]) => list.filter(({ what }) => what).length;
    this.#is(text, 'total', params, since.length);
    this.#is(text, name, params, yes(since));
    this.#is(text, 'totalBefore', params, before.length);
    this.#is(text, 'before', params, yes(before));
  }

  #order(text: string, params: Said['params']): void {
    const pairs = this.followers(params);
    const { since, before } = this.since(pairs, params.total);
    this.#counted(text, params, since, before, 'after');
  }

  #message(text: string, params: Said['params']): void {
    const like = this.incident.logs.find(
      (log) => log.service === params.service && quoted(log.body) === params.sample,
    );
    const template = like && this.templates.get(like);
    const own = this.incident.logs.filter((log) => this.templates.get(log) === template);
    const during = own.filter((log) => this.phase(log.at) === 'during');
    const before = own.filter((log) => ['baseline', 'before'].includes(this.phase(log.at) ?? ''));
    const minutes = Math.max(1, this.window.to - this.onset) / 60_000;
    const base = this.baseline;
    const calm = (base ? base.to - base.from : 0) + Math.max(0, this.onset - this.window.from);
    const usual = shownNumber(calm > 0 ? before.length / (Math.max(calm, 60_000) / 60_000) : 0);
    if ('count' in params) this.#is(text, 'count', params, during.length);
    if ('since' in params) {
      this.#is(text, 'since', params, shownTime(during[0]?.at ?? 0));
      if (before.length > 0) this.#wrong(text, `${before.length} records came before`);
    }
    if ('rate' in params) this.#is(text, 'rate', params, shownNumber(during.length / minutes));
    if ('before' in params) this.#is(text, 'before', params, usual);
  }

  /** Of the requests of each version those that failed although nothing that they called did. */
  #release(text: string, params: Said['params']): void {
    const own = this.visits.filter(
      (visit) => visit.service === params.service && visit.peer === null && this.phase(visit.start) !== null,
    );
    const of = (version: unknown) =>
      own.filter(
        ({ spans: [entry] }) => entry !== undefined && 'version' in entry && entry.version === version,
      );
    const share = (list: readonly Visit[]) =>
      shownPercent(
        list.filter((visit) => visit.failed && !visit.calls.some((call) => call.failed)).length / list.length,
      );
    const [now, before] = [of(params.version), of(params.previous)];
    this.#is(text, 'errors', params, share(now));
    this.#is(text, 'errorsBefore', params, share(before));
    const first = Math.min(...now.map((visit) => visit.start));
    this.#is(text, 'secondsBefore', params, Math.max(0, Math.round((this.onset - first) / 1000)));
  }

  #spanErrors(text: string, params: Said['params']): void {
    const failed = (visit: Visit) =>
      visit.failed && !visit.spans.some((span) => givenUp.test(messageOf(span)));
    const own = this.visits.filter(
      (visit) =>
        visit.service === params.service &&
        visit.operation === params.operation &&
        this.phase(visit.start) === 'during',
    );
    this.#is(text, 'total', params, own.length);
    this.#is(text, 'count', params, own.filter((visit) => failed(visit) && !visit.calls.some(failed)).length);
  }

  #silent(text: string, params: Said['params']): void {
    const calls = this.visits.filter(
      ({ service, peer, failed, start }) =>
        service === params.service && peer === 'service' && failed && this.phase(start) === 'during',
    );
    this.#is(text, 'count', params, calls.length);
    const callers = new Set(calls.map((call) => call.parent?.service ?? ''));
    this.#is(text, 'callers', params, [...callers].sort().join(', '));
  }

  #leak(text: string, params: Said['params'], refs: readonly string[]): void {
    const series = this.series(params.service, parseReference(refs[0] ?? '').where.metric);
    const told = (name: string) =>
      (series?.values ?? []).flatMap((value, i) =>
        shownNumber(value) === params[name] ? [series?.times[i] ?? 0] : [],
      );
    const spans = told('from').flatMap((from) => told('to').map((to) => Math.round((to - from) / 1000)));
    this.#is(text, 'seconds', params, ...spans);
  }

  #surge(text: string, params: Said['params']): void {
    const rate = / *\/min$/;
    const told = this.incident.series.filter((one) => one.service === params.service);
    const now: number[] = [];
    const before: number[] = [];
    for (const series of told) {
      const values = this.values(series);
      now.push(mean(values.during));
      const usual = median(values.baseline);
      before.push(
        usual,
        median(values.before),
        (values.before.length * median(values.before) + 2 * usual) / (values.before.length + 2),
      );
    }
    if (rate.test(String(params.now))) {
      const own = this.visits.filter((visit) => visit.service === params.service && visit.peer === null);
      const base = this.baseline;
      const began = Math.max(this.onset, Math.min(this.incident.at, this.window.to - 1));
      const count = (from: number, to: number) =>
        own.filter((visit) => visit.start >= from && visit.start <= to).length;
      const per = (from: number, to: number) => count(from, to) / (Math.max(1, to - from) / 60_000);
      now.push(
        own.filter((v) => v.start >= began && v.start <= this.window.to).length /
          (Math.max(1, this.window.to - began) / 60_000),
      );
      if (base !== null) before.push(per(base.from, base.to));
      before.push(per(this.window.from, began - 1e-6));
    }
    const unit = rate.test(String(params.now)) ? '/min' : '';
    this.#is(text, 'now', params, ...now.map((value) => `${shownNumber(value)}${unit}`));
    this.#is(text, 'before', params, ...before.map((value) => `${shownNumber(value)}${unit}`));
    const factors = now.flatMap((a) => before.map((b) => shownTimes(a / b)));
    this.#is(text, 'factor', params, ...factors);
  }

  #change(text: string, params: Said['params']): void {
    const own = this.incident.events.filter((event) => event.id.startsWith(String(params.id)));
    const services = new Set(own.map((event) => event.service));
    const near = this.incident.events.filter((event) => services.has(event.service) || own.includes(event));
    if (!own.some((event) => quoted(event.title) === params.title && event.kind === params.kind))
      this.#wrong(text, 'is no such change');
    const lead = (at: number) => shownLead(Math.round((this.onset - at) / 1000));
    this.#is(text, 'lead', params, ...near.map((event) => lead(event.at)));
  }

  #checkOk(text: string, params: Said['params'], about: string): void {
    const { logs, events, edges, calls } = this.incident;
    const ways = new Set(
      this.visits.flatMap((visit) => (visit.parent ? [`${visit.parent.service} ${visit.service}`] : [])),
    );
    const counts: Record<string, number> = {
      log_messages: logs.length,
      reachability: logs.length,
      dependencies: edges.length + calls.length + ways.size,
      network_path: ways.size,
      own_time: new Set(this.visits.map((visit) => `${visit.service} ${visit.operation}`)).size,
      trace_structure: this.visits.length,
    };
    const expected = counts[about];
    if (about === 'changes') {
      // A commit and its deploy are one change.
      if (Number(params.count) > events.length) this.#wrong(text, `there are only ${events.length} events`);
    } else if (expected !== undefined) this.#is(text, 'count', params, expected);
    else {
      const most = this.incident.series.length + new Set(this.visits.map((visit) => visit.operation)).size;
      if (Number(params.count) > most) this.#wrong(text, `there are only ${most} series and operations`);
    }
  }

  readonly #quiet = { rows: false, count: () => {} };

  #holds(test: () => boolean) {
    return {
      rows: false,
      count: (text: string) => {
        if (!test()) this.#wrong(text, 'does not hold');
      },
    };
  }

  readonly #verifiers: Partial<
    Record<
      Said['code'],
      {
        rows: boolean;
        count: (text: string, params: Said['params'], refs: readonly string[], about: string) => void;
      }
    >
  > = {
    'rca.time': this.#byMetric(),
    'rca.failures': this.#byMetric(),
    'rca.began_calling': this.#byMetric(),
    'rca.metric': this.#byMetric(),
    'rca.host': this.#byMetric(),
    'rca.tenant': this.#byMetric(),
    'rca.own_time': this.#durations('own'),
    'rca.way': this.#durations('way'),
    'rca.appears': this.#outcome(true),
    'rca.vanishes': this.#outcome(false),
    'version.worse': { rows: true, count: (text, params) => this.#release(text, params) },
    'rca.order': { rows: true, count: (text, params) => this.#order(text, params) },
    'rca.message_new': { rows: true, count: (text, params) => this.#message(text, params) },
    'rca.message_grown': { rows: true, count: (text, params) => this.#message(text, params) },
    'rca.message_gone': { rows: true, count: (text, params) => this.#message(text, params) },
    'rca.span_errors': { rows: true, count: (text, params) => this.#spanErrors(text, params) },
    'rca.change': { rows: true, count: (text, params) => this.#change(text, params) },
    'rca.surge': { rows: true, count: (text, params) => this.#surge(text, params) },
    'rca.provider': {
      rows: true,
      count: (text, params) => this.#is(text, 'count', params, this.named(params.peer).length),
    },
    'rca.unreachable': {
      rows: true,
      count: (text, params) =>
        this.#is(
          text,
          'count',
          params,
          this.named(params.resource).filter((log) =>
            unreachableWords.test(this.templates.get(log)?.example.body ?? ''),
          ).length,
        ),
    },
    'rca.silent': { rows: true, count: (text, params) => this.#silent(text, params) },
    'rca.leak': { rows: true, count: (text, params, refs) => this.#leak(text, params, refs) },
    'rca.flood': {
      rows: true,
      count: (text, params) => this.#is(text, 'factor', params, shownTimes(this.flood(params.service))),
    },
    'rca.one_record': {
      rows: true,
      count: (text, params) => this.#is(text, 'count', params, this.named(params.value).length),
    },
    'rca.explains': { ...this.#quiet, rows: true },
    'rca.unexplained': { ...this.#quiet, rows: true },
    'rca.check_ok': { rows: false, count: (text, params, _, about) => this.#checkOk(text, params, about) },
    'rca.check_no_data': this.#quiet,
    'considered.cause': {
      rows: false,
      count: (text, _, __, id) => {
        if (!this.answer.causes.some((cause) => cause.change === id)) this.#wrong(text, 'blames no cause');
      },
    },
    'considered.after': {
      rows: false,
      count: (text, _, __, id) => {
        const event = this.incident.events.find((one) => one.id === id);
        if (event === undefined || event.at < this.onset) this.#wrong(text, `came at ${event?.at}`);
      },
    },
    'considered.quiet': this.#quiet,
    'considered.unproved': this.#quiet,
    'missing.baseline': this.#holds(() => this.answer.baseline === null),
    'missing.traces': this.#holds(() => this.incident.spans.length === 0),
    'missing.logs': this.#holds(() => this.incident.logs.length === 0),
    'missing.metrics': this.#holds(() => this.incident.series.length === 0),
    'missing.changes': this.#holds(() => this.incident.events.length === 0),
    'missing.calls': this.#quiet,
    indicator: this.#quiet,
  };

  /** A finding of the catalogue: its figures are those of its rows, and stand so in its sentence. */
  async #finding(finding: LayerFinding): Promise<void> {
    this.#sentences++;
    const { text, value, baseline, unit } = finding;
    if (finding.evidence.length === 0) this.#wrong(text, 'has no evidence');
    for (const { ref } of finding.evidence) {
      const rows = await this.find(ref);
      this.#rows += rows.length;
      if (rows.length === 0) this.#wrong(text, `${ref} finds no row`);
    }
    for (const number of baseline === null ? [value] : [value, baseline])
      if (!text.includes(figure(number, unit))) this.#wrong(text, `does not say ${figure(number, unit)}`);
    const strict = (at: number) =>
      at >= this.onset && at <= this.window.to
        ? 'during'
        : this.baseline !== null && at >= this.baseline.from && at <= this.baseline.to
          ? 'before'
          : null;
    const again = this.recounted(finding, strict);
    const near = (a: number, b: number) => Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a));
    if (!again.during.some((one) => near(one, value)))
      this.#wrong(text, `its rows say ${again.during.join(' or ')}, not ${value}`);
    if (baseline !== null && !again.before.some((one) => near(one, baseline)))
      this.#wrong(text, `its rows said ${again.before.join(' or ')} before, not ${baseline}`);
  }
}
