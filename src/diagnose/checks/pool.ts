import { sentence } from '../../model/index.ts';
import type { MetricPicture } from '../picture.ts';
import {
  band,
  type Check,
  clamp,
  compareMetric,
  hit,
  noData,
  number,
  outcome,
  ratioStrength,
  rowsOf,
} from './check.ts';

/** Connection pools: requests that wait, time they wait, connections in use against the maximum. */
const pendingMin = 1;
const waitMsMin = 10;
const waitFactor = 4;
const fullRatio = 0.9;
const poolMetric = /^db\.client\.connections?\./;

export const pool: Check = {
  id: 'pool',
  layer: 'service',
  run(picture) {
    const pooled = picture.services.filter((service) =>
      service.metrics.some((metric) => poolMetric.test(metric.metric)),
    );
    if (pooled.length === 0) return noData(sentence('pool.no_data', {}));
    const hits = pooled.flatMap((service) => {
      const metrics = service.metrics.filter((metric) => poolMetric.test(metric.metric));
      const state = poolState(metrics, picture);
      const waiting = state.pending.now >= pendingMin && state.pending.now > 3 * state.pending.before;
      const slow = state.waitMs.now >= waitMsMin && state.waitMs.now > waitFactor * state.waitMs.before;
      if (!waiting && !slow && state.timeouts <= 0) return [];
      const full = state.max > 0 && state.used / state.max >= fullRatio;
      const shown = state.shown ?? metrics[0];
      return [
        hit({
          service: service.service,
          resource: service.urn,
          strength: clamp(
            0.4 +
              (full ? 0.3 : 0) +
              0.3 *
                Math.max(ratioStrength(state.pending.now + 1), ratioStrength(state.waitMs.now / waitMsMin)),
          ),
          says: sentence('pool.exhausted', {
            service: service.service,
            pending: number(state.pending.now),
            pendingBefore: number(state.pending.before),
            ...(state.max > 0 && { used: number(state.used), max: number(state.max) }),
            ...(slow && { waitMs: number(state.waitMs.now), waitMsBefore: number(state.waitMs.before) }),
          }),
          values: { full: full ? 1 : 0, max: state.max, maxBefore: state.maxBefore },
          facts:
            state.max > 0 ? { pool_max: String(state.max), pool_max_before: String(state.maxBefore) } : {},
          evidence: shown
            ? [
                {
                  dim: 'metric',
                  resource: service.urn,
                  filter: rowsOf(
                    picture,
                    shown.metric.endsWith('_time') ? 'metric_histograms' : 'metric_samples',
                    {
                      ServiceName: service.service,
                      MetricName: shown.metric,
                    },
                  ),
                  series: band(shown.metric, shown.unit, shown.points, picture.baseline.to),
                },
              ]
            : [],
        }),
      ];
    });
    return outcome(hits, sentence('pool.ok', {}));
  },
};

interface PoolState {
  pending: { before: number; now: number };
  waitMs: { before: number; now: number };
  timeouts: number;
  used: number;
  max: number;
  maxBefore: number;
  shown: MetricPicture | undefined;
}

function poolState(metrics: readonly MetricPicture[], picture: Parameters<Check['run']>[0]): PoolState {
  const read = (pattern: RegExp, state?: string) => {
    const matching = metrics.filter(
      (metric) =>
        pattern.test(metric.metric) &&
        (state === undefined ||
          (metric.attributes['db.client.connection.state'] ?? metric.attributes.state) === state),
    );
    let best = { before: 0, now: 0, max: 0 };
    for (const metric of matching) {
      const compared = compareMetric(metric.points, picture);
      if (compared && compared.max >= best.max) best = compared;
    }
    return best;
  };
  const pending = read(/pending_requests$/);
  const wait = read(/wait_time$/);
  const used = read(/\.(count|usage)$/, 'used');
  const max = read(/\.max$/);
  return {
    // The highest value counts: a queue that builds up and drains between two samples still made requests wait.
    pending: { before: pending.before, now: Math.max(pending.now, pending.max / 2) },
    waitMs: { before: wait.before * waitScale(metrics), now: wait.max * waitScale(metrics) },
    timeouts: read(/timeouts$/).max - read(/timeouts$/).before,
    used: used.max,
    max: max.now,
    maxBefore: max.before,
    shown:
      metrics.find((metric) => /pending_requests$/.test(metric.metric)) ??
      metrics.find((metric) => /wait_time$/.test(metric.metric)),
  };
}

const waitScale = (metrics: readonly MetricPicture[]): number =>
  metrics.find((metric) => /wait_time$/.test(metric.metric))?.unit === 's' ? 1_000 : 1;
