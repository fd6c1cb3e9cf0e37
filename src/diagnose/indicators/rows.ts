/** The catalogue's checks on the rows of an incident, be they of files or of stores: every series, record, request and event. */
import type { Incident, LogRow, RowKind, Series } from '../incident.ts';
import type { Findings } from '../rank/rank.ts';
import { reference } from '../rank/reference.ts';
import { type Template, templatesOf } from '../rank/templates.ts';
import { type Compared, comparedOf, minutesOf, type PhaseOf, phaseOf } from './phases.ts';
import { RequestMeasures } from './rows-requests.ts';
import type { EventReading, LogReading } from './schema.ts';
import type { IndicatorSeries, IndicatorSource, Point, Quantity } from './source.ts';

export function rowsSource(
  incident: Incident,
  findings: Pick<Findings, 'frame' | 'visits'>,
): IndicatorSource {
  const compared = comparedOf(findings.frame);
  const phase = phaseOf(compared);
  const refer = (kind: RowKind, where: Record<string, string>) =>
    reference(incident, kind, where, compared.during);
  const series = new Map<string, IndicatorSeries[]>();
  for (const one of incident.series) {
    const read = seriesOf(one, phase, refer('metrics', { service: one.service, metric: one.metric }));
    const same = series.get(read.metric);
    if (same) same.push(read);
    else series.set(read.metric, [read]);
  }
  const requests = new RequestMeasures(incident, findings.visits, compared);
  return {
    series: (matches) => [...series].flatMap(([metric, list]) => (matches(metric) ? list : [])),
    measure: (reading) => requests.measure(reading),
    logs: (reading) => logged(incident, compared, reading),
    events: (reading) => happened(incident, compared, reading),
  };
}

const labelled = /^([^{]+)\{(.*)\}$/s;

/** Values of both phases; labels stand in braces behind the name, as `seriesName` writes them. */
function seriesOf(series: Series, phase: PhaseOf, ref: string): IndicatorSeries {
  const [, name = series.metric, inside = ''] = labelled.exec(series.metric) ?? [];
  const labels = Object.fromEntries(
    [...inside.matchAll(/([^=,{}]+)="([^"]*)"/g)].map((match) => [match[1] ?? '', match[2] ?? '']),
  );
  const points = { before: [] as Point[], during: [] as Point[] };
  series.times.forEach((at, i) => {
    const when = phase(at);
    if (when !== null) points[when].push({ at, value: series.values[i] ?? 0 });
  });
  return {
    resource: series.service,
    metric: name,
    labels,
    baseline: points.before,
    incident: points.during,
    ref,
  };
}

const levels = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];

/** 0 TRACE … 5 FATAL of a severity as senders write it; of none, INFO. */
export function levelOf(severity: string): number {
  if (/^(FATAL|CRIT|EMERG|PANIC|ALERT)/.test(severity)) return 5;
  if (/^(ERR|SEVERE|FAIL)/.test(severity)) return 4;
  if (severity.startsWith('WARN')) return 3;
  const index = levels.findIndex((level) => severity.startsWith(level));
  return index < 0 ? 2 : index;
}

const exampleChars = 160;

/**
 * Records per minute that an expression matches. Which services say so is seen on one message of each template; the
 * records of those are counted one by one, so that the reference finds exactly as many.
 */
function logged(incident: Incident, compared: Compared, reading: LogReading): Quantity[] | null {
  if (incident.logs.length === 0) return null;
  const least = reading.severity === undefined ? 0 : levels.indexOf(reading.severity);
  const matches = (body: string) => reading.logs.some((expression) => expression.test(body));
  const services = new Set<string>();
  const seen = new Set<Template>();
  for (const template of templatesOf(incident.logs).values()) {
    if (seen.has(template)) continue;
    seen.add(template);
    if (levelOf(template.severity) >= least && matches(template.example.body)) services.add(template.service);
  }
  if (services.size === 0) return [];
  const phase = phaseOf(compared);
  const found = new Map<string, { before: number; during: number; example: LogRow | null }>();
  for (const log of incident.logs) {
    const when = phase(log.at);
    if (when === null || !services.has(log.service) || levelOf(log.severity) < least || !matches(log.body))
      continue;
    const count = found.get(log.service) ?? { before: 0, during: 0, example: null };
    count[when]++;
    if (when === 'during') count.example ??= log;
    found.set(log.service, count);
  }
  return [...found].map(([service, { before, during, example }]) => ({
    resource: service,
    baseline: compared.before === null ? null : before / minutesOf(compared.before),
    incident: during / minutesOf(compared.during),
    samples: during,
    ref: reference(
      incident,
      'logs',
      {
        service,
        matches: reading.logs.map((expression) => expression.source).join('|'),
        ...(reading.severity === undefined ? {} : { at_least: reading.severity }),
      },
      compared.during,
    ),
    example: (example?.body ?? '').replace(/\s+/g, ' ').trim().slice(0, exampleChars),
  }));
}

/** An event just before the onset may be what began it. */
const eventLeadMs = 60_000;

function happened(incident: Incident, compared: Compared, reading: EventReading): Quantity[] | null {
  if (incident.events.length === 0) return null;
  const when = { from: compared.during.from - eventLeadMs, to: compared.during.to };
  const own = incident.events.filter(
    (event) =>
      event.at <= when.to &&
      reading.events.some((expression) => expression.test(`${event.kind} ${event.title}`)),
  );
  return [...Map.groupBy(own, (event) => event.service)].map(([service, list]) => {
    const late = list.filter((event) => event.at >= when.from);
    const matches = reading.events.map((expression) => expression.source).join('|');
    return {
      resource: service,
      baseline: list.length - late.length,
      incident: late.length,
      samples: list.length,
      ref: reference(incident, 'events', { service, matches }, when),
      example: late[0]?.title ?? '',
    };
  });
}
