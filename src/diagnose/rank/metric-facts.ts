import { type CauseKind, sentence } from '../../model/index.ts';
import type { Incident } from '../incident.ts';
import type { Anomaly, Compared } from './anomaly.ts';
import { type CheckId, type Fact, layerOfCheck } from './facts.ts';
import type { Flow, Share } from './flow.ts';
import type { Frame } from './frame.ts';
import { reference } from './reference.ts';
import { shownNumber, shownPercent } from './show.ts';
import { clamp, mean } from './stats.ts';
import { type MetricClass, wordsOf } from './words.ts';

/** A metric of a resource in the incident, as a reference. */
export const metricReference = (incident: Incident, frame: Frame, one: Compared['series']): string =>
  reference(
    incident,
    one.calls === true ? 'calls' : 'metrics',
    one.calls === true ? { dst: one.service } : { service: one.service, metric: one.metric },
    { from: frame.onset, to: frame.end },
  );

/** What flows up the call graph and begins at a resource. `weight`: how much this flow is what was noticed. */
export function flowFacts(
  incident: Incident,
  frame: Frame,
  shares: readonly Share[],
  flow: Flow,
  weight: number,
): Fact[] {
  const calling = callersOfFresh(incident, frame, shares);
  return shares.flatMap(({ excess, share }): Fact[] => {
    const { by, resource } = excess;
    const now = mean(by.values);
    const values = { service: resource, metric: by.series.metric, now: shownNumber(now) };
    const before = shownNumber(by.fresh ? (flow === 'failures' ? 100 : 0) : by.normal.level);
    const shownShare = share >= 0.05 ? { share: shownPercent(share) } : {};
    const check: CheckId = flow === 'time' ? 'response_time' : 'error_rate';
    const callee = calling.get(resource);
    return [
      {
        resource,
        layer: layerOfCheck[check],
        check,
        kind: flow === 'time' ? 'latency_regression' : 'error_burst',
        strength: excess.certainty * weight,
        own: clamp(share),
        onset: by.times[0] ?? null,
        says: sentence(flow === 'time' ? 'rca.time' : 'rca.failures', { ...values, before, ...shownShare }),
        evidence: [{ dim: 'metric', ref: metricReference(incident, frame, by.series) }],
      },
      ...(callee === undefined ? [] : [callee]),
    ];
  });
}

/** A callee that nobody called before did not break: its caller was changed, or was told to call it. */
function callersOfFresh(incident: Incident, frame: Frame, shares: readonly Share[]): Map<string, Fact> {
  const found = new Map<string, Fact>();
  for (const { excess } of shares) {
    if (!excess.fresh) continue;
    for (const edge of incident.edges.filter((one) => one.dst === excess.resource)) {
      found.set(edge.src, {
        resource: edge.src,
        layer: 'service',
        check: 'dependencies',
        kind: 'config_change',
        strength: 0.6 * excess.certainty,
        own: 1,
        onset: null,
        says: sentence('rca.began_calling', {
          service: edge.src,
          callee: excess.resource,
          metric: excess.by.series.metric,
          now: shownNumber(mean(excess.by.values)),
        }),
        evidence: [{ dim: 'metric', ref: metricReference(incident, frame, excess.by.series) }],
      });
    }
  }
  return found;
}

const checkOf: Record<MetricClass, CheckId> = {
  availability: 'error_rate',
  errors: 'error_rate',
  latency: 'response_time',
  traffic: 'throughput',
  cpu: 'cpu',
  memory: 'memory',
  disk: 'disk',
  network: 'network_traffic',
  saturation: 'saturation',
  restarts: 'restarts',
  other: 'saturation',
};
const kindOf: Partial<Record<MetricClass, CauseKind>> = {
  cpu: 'cpu_saturation',
  memory: 'memory_leak',
  disk: 'resource_saturation',
  saturation: 'resource_saturation',
  restarts: 'service_down',
  errors: 'error_burst',
  latency: 'latency_regression',
};
/** How much an odd metric of a class says about where a fault begins; the flows say what latency and errors are worth. */
const ownOf: Record<MetricClass, number> = {
  availability: 0.3,
  errors: 0.35,
  latency: 0.3,
  traffic: 0.1,
  cpu: 0.7,
  memory: 0.6,
  disk: 0.7,
  network: 0.15,
  saturation: 0.55,
  restarts: 0.8,
  other: 0.2,
};

/** One fact per resource and class of metrics: the oddest. */
export function anomalyFacts(incident: Incident, frame: Frame, anomalies: readonly Anomaly[]): Fact[] {
  const seen = new Set<string>();
  return anomalies.flatMap((anomaly): Fact[] => {
    const { series, kind, normal, now } = anomaly;
    const key = `${series.service} ${kind}`;
    if (seen.has(key)) return [];
    seen.add(key);
    const check = checkOf[kind];
    return [
      {
        resource: series.service,
        layer: layerOfCheck[check],
        check,
        kind: kindOfAnomaly(anomaly),
        strength: anomaly.strength * magnitude(anomaly),
        own: ownOf[kind],
        onset: anomaly.onset,
        says: sentence('rca.metric', {
          service: series.service,
          metric: series.metric,
          now: shownNumber(now),
          before: shownNumber(normal.level),
        }),
        evidence: [{ dim: 'metric', ref: metricReference(incident, frame, series) }],
      },
    ];
  });
}

function kindOfAnomaly(anomaly: Anomaly): CauseKind {
  const { kind, series } = anomaly;
  if (kind === 'cpu' && isIdle(anomaly)) return 'latency_regression';
  if (kind === 'saturation' && poolWords.test(wordsOf(series.metric).join(' ')))
    return 'connection_pool_exhausted';
  return kindOf[kind] ?? 'resource_saturation';
}
/** Of a pool of connections: who waits for one. */
const poolWords = /\b(pool|connections?)\b.*\b(pending|wait|waiting|waiters?|timeouts?|acquire|queue)\b/;

/** Where the metric is a share of what there is: busier than usual, but far from all. */
const isIdle = ({ series, now, normal }: Anomaly): boolean =>
  /utili[sz]ation|ratio|fraction/i.test(series.metric) && now < 0.5 && normal.level <= 1;

/** A steady series may be odd and yet have hardly moved; twice as much is worth something, ten times all. */
function magnitude({ now, normal, kind }: Anomaly): number {
  const base = Math.max(Math.abs(normal.level), 1e-9);
  const ratio = Math.max(Math.abs(now) / base, base / Math.max(Math.abs(now), 1e-9));
  if (kind === 'availability') return 1;
  return clamp(Math.log(ratio) / Math.log(8), 0.15, 1);
}
