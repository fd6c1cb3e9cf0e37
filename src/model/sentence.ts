/**
 * The sentences that detection and diagnosis say, once, by code. A sentence is made of its code and its values, so text
 * and code can't drift apart, and a reader in another language fills the same values into a template of its own.
 *
 * A template holds values as `{name}`. In brackets stand alternatives, parted by `|`: the first one whose values are all
 * given is said, none when none is. Values that are quoted may hold any text; they are never read as a template.
 */
export const sentences = {
  'signal.availability': '{service}: {errors} of requests fail',
  'signal.availability.summary':
    'Availability of {service} is {value} over the last 15 s, the objective is {target}; the error budget burns {burn} times too fast over {seconds} s.',
  'signal.error_rate': '{service}: errors rose to {ratio}',
  'signal.error_rate.summary':
    '{errors} of {requests} requests of {service} failed in the last 15 s; normal is {normal}.',
  'signal.latency': '{service}: p95 {value} ms',
  'signal.latency.summary':
    '95 % of requests to {service} took up to {value} ms over the last 15 s, the objective is {target} ms; normal is {normal} ms.',
  'signal.typical_latency': '{service}: typical request {value} ms',
  'signal.typical_latency.summary':
    'Half of the requests to {service} take more than {value} ms; normal is {normal} ms.',
  'signal.throughput': '{service}: {value} requests/s instead of {normal}',
  'signal.throughput.summary':
    '{service} answered {value} requests/s over 30 s; normal is {normal} and its callers still try.',
  'signal.surge': '{service}: traffic rose to {value} requests/s',
  'signal.surge.summary': '{service} receives {value} requests/s; normal is {normal}.',
  'signal.log_volume': '{service}: {value} log records/s',
  'signal.log_volume.summary': '{service} writes {value} log records/s; normal is {normal}.',
  'signal.series_above': '{service}: {measure} is unusually high, {value} instead of {expected}',
  'signal.series_above.summary':
    '{measure} of {service} ({table}) is higher than its past lets expect: {value} against {expected} ± {sigma}; since {since} UTC.',
  'signal.series_below': '{service}: {measure} is unusually low, {value} instead of {expected}',
  'signal.series_below.summary':
    '{measure} of {service} ({table}) is lower than its past lets expect: {value} against {expected} ± {sigma}; since {since} UTC.',
  'signal.series_spread': '{service}: {measure} moves unlike before, now {value}',
  'signal.series_spread.summary':
    '{measure} of {service} ({table}) moves unlike its past over the last {span} samples; it is {value}, expected {expected} ± {sigma}; since {since} UTC.',
  'signal.alert': '{service}: alert {alert}',
  'signal.alert.summary': 'The alert {alert} about {service} ({severity}) fires since {since} UTC[: {text}].',

  'error_rate.up':
    '{service}: {errors} of {requests} requests failed ({now}) in {seconds} s, normal {before}; most of them [{operation}|unknown][, status {codes}].',
  'error_rate.ok': 'No service fails more than usual ({count} looked at).',
  'error_rate.no_data': 'No requests were seen during the incident.',
  'response_time.up':
    '{service}: p95 {p95} ms over {seconds} s, normal {p95Before} ms; typical request {p50} ms, normal {p50Before} ms[; slowest {operation}].',
  'response_time.ok': 'Response times are as always ({count} services).',
  'response_time.no_data': 'Too few requests to compare response times.',
  'throughput.surge': '{service} receives {now} requests/s, normal {before}.',
  'throughput.gone': '{service} answers {now} requests/s while its callers try {attempted}; normal {before}.',
  'throughput.ok': 'Every service gets and answers its usual number of requests.',
  'throughput.no_data': 'No baseline of request rates.',
  'own_time.up':
    '{service} itself takes {now} ms a visit, normal {before} ms: {share} of its added time is its own.',
  'own_time.ok': 'No service takes more time of its own than usual.',
  'own_time.no_data': 'No traces to split response times.',
  'version.worse':
    '{service} {version}, first seen {secondsBefore} s before the onset, [fails {errors} of its requests, {previous} {errorsBefore}|needs {p95} ms (p95), {previous} {p95Before} ms].',
  'version.new':
    '{service} {version}, first seen {secondsBefore} s before the onset, behaves like {previous}.',
  'version.ok': 'No new version behaves worse than the one before.',
  'version.no_data': 'No service says which version it runs.',
  'log_pattern.new': '{service} logs “{sample}” {rate} times/s; never before.',
  'log_pattern.grown': '{service} logs “{sample}” {rate} times/s; normal {before}.',
  'log_pattern.ok': 'No new error messages.',
  'log_pattern.no_data': 'No log records.',
  'log_volume.flood':
    '{service} writes {now} log records/s, normal {before}; {added}/s of them are {level}, most like “{sample}”.',
  'log_volume.ok': 'Every service logs as much as usual.',
  'log_volume.no_data': 'No log records.',
  error_origin:
    "{share} of the new errors begin in [{service}'s call to {peer}|{service} ({operation})|{service} ()]: [{message}|status {status}|no message].",
  'error_origin.none': 'No new failing spans.',
  'error_origin.spread': 'Failing spans are spread; no origin stands out.',
  'error_origin.no_data': 'No traces in the incident.',
  dependency:
    '{src} → {dst}: [{errors} of the calls fail (normal {errorsBefore}), p95 {p95} ms (normal {p95Before} ms)|{errors} of the calls fail (normal {errorsBefore})|p95 {p95} ms (normal {p95Before} ms)] over {seconds} s.',
  'dependency.ok': '{count} call edges are as always.',
  'dependency.no_data': 'No calls to dependencies were seen.',
  'pool.exhausted':
    '{service}: {pending} requests wait for a connection (normal {pendingBefore})[, {used} of {max} in use][, they wait {waitMs} ms (normal {waitMsBefore} ms)].',
  'pool.ok': 'No requests wait for a connection.',
  'pool.no_data': 'No service reports a connection pool.',
  'change.near': '{kind} on [{service}|an unnamed service] [{secondsBefore} s before|at] the onset: {title}.',
  'change.none': 'Nothing was changed in the half hour before the onset.',
  'network.broken': '{src} could not reach {dst} {count} times: {message}.',
  'network.timeout': '{src} could not reach {dst} {count} times: {message}.',
  'network.ok': 'No refused, reset or timed out connections.',
  'network.no_data': 'No calls between services were seen.',
  'cpu.busy': '{service}: {metric} {now}, normal {before}.',
  'cpu.ok': 'CPU is free in all {count} services that report it.',
  'cpu.no_data': 'No service reports CPU or event loop use.',
  'memory.grows':
    '{service}: {metric} grew from {from} to {to} in {seconds} s without falling[, the limit is {limit}][, {restart} restart of the same version|, {restarts} restarts of the same version][, and it logs “{sample}”].',
  'memory.ok': 'Memory is steady in all {count} services that report it.',
  'memory.no_data': 'No service reports its memory.',
  'statement.slow':
    '{service}: “{statement}” takes {now} ms, normal {before} ms ({count} times since the onset).',
  'statement.ok': '{count} statements take as long as always.',
  'statement.no_data': 'No database calls were seen.',

  'rca.time':
    '{service}: {metric} {now}, usually {before}[; {share} of the added time that was noticed is its own].',
  'rca.failures':
    '{service}: {metric} {now}, usually {before}[; {share} of the failures that were noticed begin here].',
  'rca.began_calling': '{service} calls {callee}, which nobody called before the incident: {metric} {now}.',
  'rca.metric': '{service}: {metric} {now}, usually {before}.',
  'rca.own_time':
    '{service} ({operation}) takes {now} ms of its own a visit, usually {before} ms ({count} visits).',
  'rca.way':
    'Calls of {caller} wait {now} ms longer than {service} works on them, usually {before} ms ({count} calls).',
  'rca.appears':
    '{service} ({operation}) now [logs “{log}”|calls {call}|runs {span}|fails] in {count} of {total} visits; before in {before} of {totalBefore}.',
  'rca.vanishes':
    '{service} ({operation}) no longer [logs “{log}”|calls {call}|runs {span}] in {count} of {total} visits; before it was missing in {before} of {totalBefore}.',
  'rca.order':
    '{service}: [{operation} is followed by “{log}”|{operation} is followed by nothing] in {after} of {total} cases; before in {before} of {totalBefore}.',
  'rca.message_new': '{service} logs “{sample}” {count} times since {since} UTC; never before.',
  'rca.message_grown': '{service} logs “{sample}” {rate} times a minute, usually {before}.',
  'rca.message_gone': '{service} no longer logs “{sample}”; usually {before} times a minute.',
  'rca.span_errors':
    '{service} ({operation}) fails in {count} of {total} spans of the incident[: {message}].',
  'rca.change':
    '{kind} {id} “{title}” took effect [on {service}] {lead} before the onset[: {shown}][; it shares {words} with what is wrong].',
  'rca.surge':
    '{service} gets {now} requests, usually {before} ({factor}); {count} services get more as well.',
  'rca.provider':
    '{count} of {total} new messages of trouble name {peer}, which is outside the observed system.',
  'rca.flood': '{service} writes {factor} as many log records as usual, most of them “{sample}”.',
  'rca.leak': '{service}: {metric} grew from {from} to {to} within {seconds} s.',
  'rca.silent': '{callers} called {service} {count} times in vain: it has no record of these calls.',
  'rca.unreachable': '{services} could not reach {resource} ({count} messages since the onset).',
  'rca.one_record': 'All {count} failures concern {field} {value}, while {before} others went well before.',
  'rca.host': '{service} runs on {host}, where {metric} is {now}, usually {before}.',
  'rca.tenant': '{tenant} began to use {host} as well: {metric} {now}, usually {before}.',
  'rca.explains': 'This explains {services}.',
  'rca.unexplained': 'This does not explain {services}.',
  'rca.check_ok': '{count} series or operations looked at; all as usual.',
  'rca.check_no_data': 'No data.',

  learned:
    '[{en}|{zh}] was named by earlier cases here and confirmed {confirmed} times by a verified repair, refuted {refuted} times; this moved the score from {from} to {to}.',

  'missing.baseline': 'To decide: telemetry from before the incident.',
  'missing.traces': 'To decide: traces of the affected requests.',
  'missing.logs': 'To decide: logs.',
  'missing.metrics': 'To decide: metrics.',
  'missing.changes': 'To decide: the changes of the last day.',
  'missing.calls': 'To decide: which service calls which.',

  'layer.finding': '{count} of the {looked} checks that had data found something.',
  'layer.ranked':
    'The {looked} checks of the catalogue that had data are quiet, but a ranked cause or a sign of it lies in this layer.',
  'layer.silent': 'Nothing of it was measured; no record or event tells of a fault ({looked} checks).',
  'layer.quiet':
    'Excluded: {looked} checks had data and found all as usual, {measured} of them by measured values.',
  'layer.no_data': 'No data: none of the {count} checks had anything to read.',

  'caveat.repeated_values': '{count} values are given twice; each counts once.',
  'caveat.contradictory_values': '{count} values are given twice and differ; the last one counts.',
  'caveat.repeated_spans': '{count} spans have an id that another span of their trace has; the first counts.',
  'caveat.repeated_logs': '{count} records are given twice; each counts once.',
  'caveat.same_logs':
    '{count} records say the same as another one of the same instant; each counts, for a program may say a thing twice.',
  'caveat.repeated_events': '{count} events are given twice; each counts once.',
  'caveat.no_numbers': '{count} rows have no number; they were left out.',
  'caveat.negative_durations': '{count} spans end before they begin; they count as lasting 0 ms.',
  'caveat.unordered': '{count} rows come after a later one; they were put in the order of time.',
  'caveat.no_rows_inside': 'no row lies in the {field}; the data is from {from} to {to}.',
  'caveat.baseline_overlaps':
    'the baseline and the window share {seconds} s; what happened then counts as part of the window.',
  'caveat.clock':
    'the clock of {service} differs from that of its callers by about {seconds} s; which of them began first is not known.',
  'caveat.window_reversed': '{field} ends before it begins; read the other way round.',
  'caveat.skipped':
    '{count} of {rows} rows skipped; the first: line {line}[, field {field}]: [{why}|{why_zh}]',
  'caveat.broken': 'reading ended after line {line}: {error}.',
  'caveat.not_read': '{count} rows beyond the first {limit} were not read.',
  'caveat.empty': 'it is empty.',
  'caveat.outside_window': 'incident_at lies outside the window; the window counts.',
  'caveat.no_baseline': 'there is no baseline: nothing is known from before the onset.',
  'caveat.symptom_usual': 'what was noticed is as usual in the data.',
  'caveat.short_baseline': 'requests are compared with the last {minutes} minutes before.',
  'caveat.series_limit': 'only {limit} series were read, in the order of their names.',
  'caveat.trace_share': 'one trace in {share} was looked at.',
  'caveat.record_share': 'one record in {share} was looked at.',

  'field.no_time': '{value} is not a time; it is ISO 8601 or epoch.',
  'field.no_number': '{value} is not a number.',
  'field.no_object': '{value} is not an object.',
  'field.empty': 'it is missing or empty.',
  'field.no_json': 'it is not JSON.',
  'field.no_json_object': 'it is not a JSON object.',
  'field.no_window': 'it is an object with "from" and "to".',
  'field.no_span': '"from" and "to" are the same instant.',

  /** Of the catalogue of checks, whose files say it in both languages. */
  indicator: '[{en}|{zh}]',
  explains:
    '[{service} calls it, directly or through others, and suffers with it|{services} call it, directly or through others, and suffer with it].',
  'considered.after': 'Came after the onset.',
  'considered.cause': 'On the cause, shortly before the onset.',
  'considered.elsewhere': '{service} suffers, but the evidence points to {resource}.',
  'considered.unproved': '{service} suffers, but nothing shows that this change is why.',
  'considered.quiet': 'Nothing unusual is seen on [{service}|what it changed].',
  'scope.failing':
    'Since {since} UTC: {services}. At {entry} {errors} of {total} requests failed ({ratio}); affected requests: [only {key}={value}|no single dimension separates them].',
  'scope.failing_slow':
    'Since {since} UTC: {services}. At {entry} {errors} of {total} requests failed ({ratio}) and it is slow; affected requests: [only {key}={value}|no single dimension separates them].',
  'scope.unclear': 'Since {since} UTC; no service is clearly worse than usual.',
} as const;

export type SentenceCode = keyof typeof sentences;
/** Figures as they are shown, words, quotes. */
export type SentenceParams = Record<string, string | number>;

/** What a text carries beside it so that it can be said in another language. */
export interface Said {
  code: SentenceCode;
  params: SentenceParams;
}
export interface Sentence extends Said {
  text: string;
}

type Holes<Text> = Text extends `${string}{${infer Name}}${infer Rest}` ? Name | Holes<Rest> : never;
type Outside<Text> = Text extends `${infer Before}[${string}]${infer After}`
  ? `${Before}${Outside<After>}`
  : Text;
type Inside<Text> = Text extends `${string}[${infer Choice}]${infer After}` ? Choice | Inside<After> : never;
type Value = string | number;

/** The values of a template: those outside brackets must be given, the others may be. */
type ValuesOf<Code extends SentenceCode> = Record<Holes<Outside<(typeof sentences)[Code]>>, Value> &
  Partial<Record<Holes<Inside<(typeof sentences)[Code]>>, Value | undefined>>;

/** Codes of titles that have a longer sentence beside them. */
export type TitleCode = {
  [Code in SentenceCode]: `${Code}.summary` extends SentenceCode ? Code : never;
}[SentenceCode];

const hole = /\{(\w+)\}/g;

/** The names of a template's values. */
export const holesOf = (template: string): string[] =>
  [...template.matchAll(hole)].map((match) => match[1] ?? '');

/** The template with its values; null when one that must be said is missing. */
export function fillTemplate(template: string, params: SentenceParams): string | null {
  const given = (name: string): boolean => params[name] !== undefined && params[name] !== '';
  const chosen = template.replace(
    /\[([^\]]*)\]/g,
    (_, choices: string) => choices.split('|').find((choice) => holesOf(choice).every(given)) ?? '',
  );
  if (holesOf(chosen).some((name) => params[name] === undefined)) return null;
  return chosen.replace(hole, (_, name: string) => String(params[name]));
}

export function sentence<Code extends SentenceCode>(code: Code, values: ValuesOf<Code>): Sentence;
export function sentence(code: SentenceCode, values: Record<string, Value | undefined>): Sentence {
  return sentenceOf(code, values);
}

function sentenceOf(code: SentenceCode, values: Record<string, Value | undefined>): Sentence {
  const params: SentenceParams = {};
  for (const [name, value] of Object.entries(values)) if (value !== undefined) params[name] = value;
  return { text: fillTemplate(sentences[code], params) ?? '', code, params };
}

/** Title and summary from the same values; the summary's code is the title's with `.summary`. */
export function titled<Code extends TitleCode>(
  code: Code,
  values: ValuesOf<Code> & ValuesOf<`${Code}.summary`>,
): Said & { title: string; summary: string };
export function titled(
  code: TitleCode,
  values: Record<string, Value | undefined>,
): Said & { title: string; summary: string } {
  const { text: title, params } = sentenceOf(code, values);
  return { title, summary: sentenceOf(`${code}.summary`, values).text, code, params };
}
