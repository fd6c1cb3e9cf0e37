import { sentence } from '../../model/index.ts';
import { type Check, chart, hit, noData, number, outcome, rate, ratioStrength, rowsOf } from './check.ts';

/** Requests per second against normal: a surge at the entry, or a service that no longer answers its callers. */
const surgeFactor = 2;
const dropFactor = 0.3;
const rpsMin = 0.5;

export const throughput: Check = {
  id: 'throughput',
  layer: 'application',
  run(picture) {
    const known = picture.services.filter((service) => rate(service.baseline) >= rpsMin);
    if (known.length === 0) return noData(sentence('throughput.no_data', {}));
    const hits = known.flatMap((service) => {
      const before = rate(service.baseline);
      const now = rate(service.incident);
      const attempted = attempts(picture, service.service);
      const surge = now > surgeFactor * before;
      // Without callers nothing tells an outage from users who went home; with callers, they must still try.
      const gone = now < dropFactor * before && attempted !== null && attempted > 0.5 * before;
      if (!surge && !gone) return [];
      const rates = { service: service.service, now: number(now), before: number(before) };
      return [
        hit({
          service: service.service,
          resource: service.urn,
          strength: surge ? ratioStrength(now / before) + 0.2 : 0.9,
          says: surge
            ? sentence('throughput.surge', rates)
            : sentence('throughput.gone', { ...rates, attempted: number(attempted ?? 0) }),
          values: { ratio: now / before },
          evidence: [
            {
              dim: 'metric',
              resource: service.urn,
              filter: rowsOf(
                picture,
                'otel_traces',
                { ServiceName: service.service },
                { only: 'server_spans' },
              ),
              series: chart(service, picture, 'requests'),
            },
          ],
        }),
      ];
    });
    return outcome(hits, sentence('throughput.ok', {}));
  },
};

function attempts(picture: Parameters<Check['run']>[0], service: string): number | null {
  const edges = picture.edges.filter((edge) => edge.callee === service);
  return edges.length === 0 ? null : edges.reduce((sum, edge) => sum + rate(edge.incident), 0);
}
