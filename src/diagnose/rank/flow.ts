import type { Compared } from './anomaly.ts';
import type { CallGraph } from './graph.ts';
import { clamp, distance, oddness } from './stats.ts';
import { latencyTypicality, metricClass, middleTypicality, millisecondsPerUnit, wordsOf } from './words.ts';

/** What flows up a call graph: time that callers wait, and answers that fail. */
export type Flow = 'time' | 'failures';

/** How much more of it a resource produced during the incident than it usually does. */
export interface Excess {
  resource: string;
  flow: Flow;
  /** Seconds waited, or failed requests; per request where the number of requests is not known. */
  amount: number;
  /** 0–1: how sure it is that this is more than usual. */
  certainty: number;
  /** Amounts of one unit may be set against each other. */
  unit: string;
  by: Compared;
  requests: Compared | null;
  /** It did not answer at all before the incident. */
  fresh: boolean;
}

export interface Share {
  excess: Excess;
  /** What its callees do not explain. */
  own: number;
  /** `own` as a share of the excess at the symptom, 0–1. */
  share: number;
  callees: { resource: string; amount: number }[];
}

/** Share of the resources that must count their requests. */
const countedMin = 0.6;
/** Usual distances beyond which a value counts as excess. */
const oddFrom = 3;

export function excessesOf(compared: readonly Compared[], flow: Flow): Map<string, Excess> {
  const byService = new Map<string, Compared[]>();
  for (const one of compared) {
    const list = byService.get(one.series.service);
    if (list) list.push(one);
    else byService.set(one.series.service, [one]);
  }
  const measured = [...byService].flatMap(([resource, list]) => {
    const by = flow === 'time' ? latencyOf(list) : failuresOf(list);
    const tail = flow === 'time' && by !== null ? tailOf(by, list) : null;
    return by === null ? [] : [{ resource, by, tail, requests: requestsOf(list) }];
  });
  // Amounts can be set against each other only where all are of requests, or none.
  const counted = measured.filter((one) => one.requests !== null).length >= countedMin * measured.length;
  const found = new Map<string, Excess>();
  for (const { resource, by, tail, requests } of measured) {
    const known = counted ? requests : null;
    let excess = excessOf(resource, flow, by, known);
    if (excess === null && tail !== null) {
      const beyond = excessOf(resource, flow, tail, known);
      if (beyond !== null) excess = { ...beyond, amount: beyond.amount * tailShare };
    }
    if (excess !== null) found.set(resource, excess);
  }
  return found;
}

/** The number of requests, not of bytes or records kept. */
function requestsOf(list: readonly Compared[]): Compared | null {
  const named = list.find(
    (one) =>
      metricClass(one.series.metric) === 'traffic' &&
      wordsOf(one.series.metric).some((word) =>
        /^(requests?|req|rps|qps|tps|calls?|workload|ops|hits|invocations?|transactions?)$/.test(word),
      ),
  );
  return named ?? null;
}

/** Times of a program's inner life, which no caller waits for as such. */
const inner = /\b(eventloop|event loop|gc|garbage|pause|pool|connections?)\b/;

function latencyOf(list: readonly Compared[]): Compared | null {
  const latencies = list.filter(
    (one) =>
      metricClass(one.series.metric) === 'latency' && !inner.test(wordsOf(one.series.metric).join(' ')),
  );
  return (
    latencies.sort(
      (a, b) =>
        latencyTypicality(b.series.metric) - latencyTypicality(a.series.metric) ||
        b.values.length - a.values.length,
    )[0] ?? null
  );
}

/** Of requests that are slow beyond the middle of all, about so many are. */
const tailShare = 0.2;

/** The middle of times does not move while less than half of the requests are slow: what is known of those beyond it. */
function tailOf(by: Compared, list: readonly Compared[]): Compared | null {
  const isMiddle = ({ series }: Compared): boolean => latencyTypicality(series.metric) === middleTypicality;
  return isMiddle(by) ? latencyOf(list.filter((one) => !isMiddle(one))) : null;
}

function failuresOf(list: readonly Compared[]): Compared | null {
  // What callers cancelled they would have waited for longer: that begins at them.
  const errors = list.filter(
    (one) => metricClass(one.series.metric) === 'errors' && !/cancel/i.test(one.series.metric),
  );
  return (
    list.find((one) => metricClass(one.series.metric) === 'availability') ??
    errors.find((one) => /ratio|rate|percent|pct/i.test(one.series.metric)) ??
    errors[0] ??
    null
  );
}

/** How a value of the metric counts: availability as what is missing from it, percent as a ratio. */
function unitOf(one: Compared, flow: Flow): { scale: number; sign: 1 | -1; ratio: boolean } {
  const metric = one.series.metric;
  if (flow === 'time') return { scale: (millisecondsPerUnit(metric) ?? 1_000) / 1_000, sign: 1, ratio: true };
  const words = wordsOf(metric);
  const percent = words.some((word) => /^(percent|pct|percentage)$/.test(word)) || one.normal.level > 1.5;
  if (metricClass(metric) === 'availability') return { scale: percent ? 0.01 : 1, sign: -1, ratio: true };
  const counted = words.some((word) => /^(count|total|sum|per|sec)$/.test(word));
  return { scale: counted ? 1 : percent ? 0.01 : 1, sign: 1, ratio: !counted };
}

function excessOf(resource: string, flow: Flow, by: Compared, requests: Compared | null): Excess | null {
  const { scale, sign, ratio } = unitOf(by, flow);
  const fresh = by.fresh && (requests === null || requests.fresh || requests.normal.level === 0);
  // Nothing to compare with: failing answers are failing answers, but nobody knows what time is usual.
  const level = by.fresh ? (sign === -1 ? 1 / scale : 0) : by.normal.level;
  if (by.fresh && flow === 'time' && !fresh) return null;
  const at = new Map(requests?.times.map((time, i) => [time, requests.values[i] ?? 0]) ?? []);
  const counting = requests === null ? 0 : countsPerValue(requests);
  let amount = 0;
  let worst = 0;
  let failed = 0;
  let expected = 0;
  for (let i = 0; i < by.values.length; i++) {
    const value = by.values[i] ?? 0;
    const weight = ratio && requests !== null ? (at.get(by.times[i] ?? 0) ?? requests.normal.level) : 1;
    failed += (sign === -1 ? 1 / scale - value : value) * scale * weight * counting;
    expected += (sign === -1 ? 1 / scale - level : level) * scale * weight * counting;
    const z = by.fresh ? 20 : distance(by.normal, value) * sign;
    if (z < oddFrom) continue;
    amount += Math.max(0, (value - level) * sign) * scale * weight;
    worst = Math.max(worst, z);
  }
  // A handful of failures comes by chance, however steady the baseline was.
  if (flow === 'failures' && ratio && counting > 0)
    worst = Math.min(worst, (failed - expected) / Math.sqrt(expected + 1));
  const material =
    flow === 'time' && !by.fresh ? clamp((highest(by.values) / Math.max(level, 1e-12) - 1) / 0.25) : 1;
  const unit =
    flow === 'time'
      ? requests === null
        ? 'time'
        : 'time of requests'
      : !ratio
        ? 'count'
        : requests === null
          ? 'ratio'
          : 'count';
  return amount > 0
    ? { resource, flow, amount, certainty: oddness(worst + 1) * material, unit, by, requests, fresh }
    : null;
}

const highest = (values: readonly number[]): number => values.reduce((max, value) => Math.max(max, value), 0);

/** How many requests one unit of one value stands for: a rate stands for all of its interval. */
function countsPerValue({ series }: Compared): number {
  const words = wordsOf(series.metric).join(' ');
  const step =
    series.times.length > 1
      ? ((series.times.at(-1) ?? 0) - (series.times[0] ?? 0)) / (series.times.length - 1) / 1000
      : 1;
  if (/\b(rps|qps|tps|per sec|per second|per s)\b/.test(words)) return step;
  return /\b(per min|per minute|rpm)\b/.test(words) ? step / 60 : 1;
}

/**
 * Splits every excess into what the callees explain and what is the resource's own. A callee explains no more than its
 * caller has. A callee that answered nobody before the incident explains nothing: its caller began to call it.
 */
export function sharesOf(excesses: ReadonlyMap<string, Excess>, graph: CallGraph, symptom: string): Share[] {
  const reached = graph.downstream(symptom);
  const top = excesses.get(symptom);
  const parts = [...excesses.values()].map((excess) => split(excess, excesses, graph));
  return parts.map(({ excess, own, callees }) => {
    // Ratios, counts and times of different units can't be set against each other.
    const peers = parts.filter((part) => part.excess.unit === excess.unit);
    const noticed = top !== undefined && top.unit === excess.unit ? top.amount : 0;
    const total = noticed > 0 ? noticed : Math.max(...peers.map((part) => part.own));
    const far = reached.has(excess.resource) || reached.size <= 1 ? 1 : 0.3;
    // Several may explain all that was noticed; then the larger is the likelier.
    const largest = Math.max(...peers.map((part) => part.own * part.excess.certainty), 1e-12);
    const size = 0.75 + 0.25 * clamp((own * excess.certainty) / largest);
    return { excess, own, share: total > 0 ? clamp(own / total) * far * size : 0, callees };
  });
}

function split(
  excess: Excess,
  excesses: ReadonlyMap<string, Excess>,
  graph: CallGraph,
): Pick<Share, 'excess' | 'own' | 'callees'> {
  const callees = graph
    .callees(excess.resource)
    .flatMap((callee) => {
      const other = excesses.get(callee);
      return other && other.unit === excess.unit && !other.fresh && other.certainty > 0
        ? [{ resource: callee, amount: Math.min(other.amount * other.certainty, excess.amount) }]
        : [];
    })
    .sort((a, b) => b.amount - a.amount);
  // Callees called side by side overlap in time; the largest explains for sure, the others in part.
  const explained = callees.reduce((sum, one, i) => sum + one.amount * (i === 0 ? 1 : 0.5), 0);
  const own =
    excess.fresh && graph.callers(excess.resource).length > 0 ? 0 : Math.max(0, excess.amount - explained);
  return { excess, own, callees };
}
