import { sentence } from '../../model/index.ts';
import type { MetricPicture, ServicePicture } from '../picture.ts';
import { band, type Check, clamp, hit, megabytes, noData, outcome, rowsOf } from './check.ts';

/** Memory that only grows, and instances that were replaced by others of the same version. */
const growthFactorMin = 1.35;
const growthBytesMin = 25 * 1_048_576;
const risingShareMin = 0.65;
const pointsMin = 4;
/** A process that came near its limit needs fewer points: a fast leak does not live longer. */
const pointsMinNearLimit = 3;
/** Process start makes memory grow too: the first samples of an instance are left out. */
const warmUpMs = 5_000;
/** Share of its limit from which a process is about to be killed. */
const nearLimit = 0.8;
const restartLookbackMs = 300_000;
const usage =
  /^(process\.memory\.usage|process\.memory\.rss|container\.memory\.(usage|working_set)|k8s\.(pod|container)\.memory\.(usage|working_set)|v8js\.memory\.heap\.used|jvm\.memory\.used|go\.memory\.used)$/;
const limitMetric =
  /^(process\.memory\.limit|container\.memory\.limit|k8s\.container\.memory_limit|v8js\.memory\.heap\.limit|jvm\.memory\.limit)$/;
const exhausted = /out of memory|heap (limit|out)|OOM|memory limit|OutOfMemory/i;

export const memory: Check = {
  id: 'memory',
  layer: 'host',
  run(picture) {
    const measured = picture.services.filter((service) => service.metrics.some((m) => usage.test(m.metric)));
    if (measured.length === 0) return noData(sentence('memory.no_data', {}));
    const hits = measured.flatMap((service) => {
      const restarts = restartsOf(service, picture);
      const limit = limitOf(service);
      const growth = fastestGrowth(service, limit);
      const words = service.shapes.find((shape) => exhausted.test(shape.sample) && shape.incidentRate > 0);
      if (!growth) return [];
      return [
        hit({
          service: service.service,
          resource: service.urn,
          strength: clamp(
            0.35 +
              0.15 * Math.log2(growth.to / growth.from) +
              (restarts > 0 ? 0.25 : 0) +
              (words ? 0.15 : 0) +
              (limit > 0 && growth.to > nearLimit * limit ? 0.2 : 0),
          ),
          says: sentence('memory.grows', {
            service: service.service,
            metric: growth.metric.metric,
            from: megabytes(growth.from),
            to: megabytes(growth.to),
            seconds: Math.round(growth.ms / 1000),
            limit: limit > 0 ? megabytes(limit) : undefined,
            restart: restarts === 1 ? restarts : undefined,
            restarts: restarts > 1 ? restarts : undefined,
            sample: words?.sample.slice(0, 80),
          }),
          values: { ratio: growth.to / growth.from, restarts, exhausted: words ? 1 : 0 },
          evidence: [
            {
              dim: 'metric',
              resource: service.urn,
              filter: rowsOf(picture, 'metric_samples', {
                ServiceName: service.service,
                MetricName: growth.metric.metric,
              }),
              series: band(
                growth.metric.metric,
                growth.metric.unit,
                growth.metric.points,
                picture.baseline.to,
              ),
            },
          ],
        }),
      ];
    });
    return outcome(hits, sentence('memory.ok', { count: measured.length }));
  },
};

function limitOf(service: ServicePicture): number {
  const limits = service.metrics.filter((metric) => limitMetric.test(metric.metric));
  return Math.max(0, ...limits.map((metric) => metric.points.at(-1)?.value ?? 0));
}

function fastestGrowth(
  service: ServicePicture,
  limit: number,
): { metric: MetricPicture; from: number; to: number; ms: number } | null {
  let best: { metric: MetricPicture; from: number; to: number; ms: number } | null = null;
  for (const metric of service.metrics) {
    if (!usage.test(metric.metric)) continue;
    const first = metric.points[0];
    const points = metric.points.filter((point) => first && point.at >= first.at + warmUpMs);
    const grown = longestRise(points, limit);
    if (grown && (!best || grown.to / grown.from > best.to / best.from)) best = { metric, ...grown };
  }
  return best;
}

/** From the lowest point to the highest one after it, when most steps between them go up. */
function longestRise(
  points: readonly { at: number; value: number }[],
  limit: number,
): { from: number; to: number; ms: number } | null {
  let top = 0;
  points.forEach((point, i) => {
    if (point.value >= (points[top]?.value ?? 0)) top = i;
  });
  let start = top;
  for (let i = top; i >= 0; i--) if ((points[i]?.value ?? 0) <= (points[start]?.value ?? 0)) start = i;
  const from = points[start];
  const to = points[top];
  if (!from || !to) return null;
  const needed = limit > 0 && to.value > nearLimit * limit ? pointsMinNearLimit : pointsMin;
  if (top - start + 1 < needed) return null;
  const rise = points.slice(start, top + 1);
  const rising = rise.filter((point, i) => i > 0 && point.value >= (rise[i - 1]?.value ?? 0)).length;
  if (to.value < growthFactorMin * from.value || to.value - from.value < growthBytesMin) return null;
  if (rising / (rise.length - 1) < risingShareMin) return null;
  return { from: from.value, to: to.value, ms: to.at - from.at };
}

/** Instances that appeared while others of the same version had been there before. */
function restartsOf(service: ServicePicture, picture: Parameters<Check['run']>[0]): number {
  return service.instances.filter(
    (instance) =>
      instance.first > picture.window.from - restartLookbackMs &&
      service.instances.some(
        (other) =>
          other !== instance &&
          other.version === instance.version &&
          other.first < instance.first &&
          other.last < instance.last,
      ),
  ).length;
}
