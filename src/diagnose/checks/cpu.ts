import { sentence } from '../../model/index.ts';
import { band, type Check, clamp, compareMetric, hit, noData, outcome, percent, rowsOf } from './check.ts';

/** CPU of the process or its event loop: nearly all of a core, and clearly more than usual. */
const busyMin = 0.75;
const changeMin = 0.25;
const utilisation =
  /^(process\.cpu\.utilization|nodejs\.eventloop\.utilization|jvm\.cpu\.recent_utilization|container\.cpu\.usage|k8s\.(pod|container)\.cpu\.usage|process\.cpu\.time|process\.cpu\.usage)$/;

export const cpu: Check = {
  id: 'cpu',
  layer: 'host',
  run(picture) {
    const measured = picture.services.filter((service) =>
      service.metrics.some((m) => utilisation.test(m.metric)),
    );
    if (measured.length === 0) return noData(sentence('cpu.no_data', {}));
    const hits = measured.flatMap((service) => {
      const best = service.metrics
        .filter((metric) => utilisation.test(metric.metric))
        .flatMap((metric) => {
          const compared = compareMetric(metric.points, picture);
          return compared ? [{ metric, ...compared, now: Math.max(compared.now, compared.max * 0.9) }] : [];
        })
        .filter((m) => m.now >= busyMin && m.now - m.before >= changeMin)
        .sort((a, b) => b.now - a.now)[0];
      if (!best) return [];
      return [
        hit({
          service: service.service,
          resource: service.urn,
          strength: clamp(best.now),
          says: sentence('cpu.busy', {
            service: service.service,
            metric: best.metric.metric,
            now: percent(Math.min(best.now, best.max)),
            before: percent(best.before),
          }),
          values: { now: best.now, before: best.before },
          evidence: [
            {
              dim: 'metric',
              resource: service.urn,
              filter: rowsOf(picture, 'metric_samples', {
                ServiceName: service.service,
                MetricName: best.metric.metric,
              }),
              series: band(best.metric.metric, best.metric.unit, best.metric.points, picture.baseline.to),
            },
          ],
        }),
      ];
    });
    return outcome(hits, sentence('cpu.ok', { count: measured.length }));
  },
};
