import { sentence } from '../../model/index.ts';
import { type Check, chart, hit, noData, number, outcome, ratioStrength, rowsOf, seconds } from './check.ts';

/** p50 and p95 of server spans against the baseline, per service and per operation. */
const requestsMin = 5;
const factorP95 = 2.5;
const factorP50 = 2;
const changeMsMin = 15;

export const responseTime: Check = {
  id: 'response_time',
  layer: 'application',
  run(picture) {
    const known = picture.services.filter(
      (service) => service.incident.requests >= requestsMin && service.baseline.requests >= requestsMin,
    );
    if (known.length === 0) return noData(sentence('response_time.no_data', {}));
    const hits = known.flatMap((service) => {
      const p95 = [service.baseline.p95Ms ?? 0, service.incident.p95Ms ?? 0] as const;
      const p50 = [service.baseline.p50Ms ?? 0, service.incident.p50Ms ?? 0] as const;
      const slow95 = p95[1] > p95[0] * factorP95 && p95[1] - p95[0] > changeMsMin;
      const slow50 = p50[1] > p50[0] * factorP50 && p50[1] - p50[0] > changeMsMin;
      if (!slow95 && !slow50) return [];
      const operation = slowest(service.operations);
      const ratio = Math.max(p95[1] / Math.max(p95[0], 1), p50[1] / Math.max(p50[0], 1));
      return [
        hit({
          service: service.service,
          resource: service.urn,
          strength: ratioStrength(ratio),
          says: sentence('response_time.up', {
            service: service.service,
            p95: number(p95[1]),
            seconds: seconds(picture.window),
            p95Before: number(p95[0]),
            p50: number(p50[1]),
            p50Before: number(p50[0]),
            operation,
          }),
          values: {
            ratio,
            p50: p50[1],
            p50Before: p50[0],
            addedMs: Math.max(0, (service.incident.meanMs ?? 0) - (service.baseline.meanMs ?? 0)),
          },
          facts: operation ? { operation } : {},
          evidence: [
            {
              dim: 'trace',
              resource: service.urn,
              filter: rowsOf(
                picture,
                'otel_traces',
                { ServiceName: service.service },
                { only: 'slow', thresholdMs: Math.max(1, p95[0]) },
              ),
              series: chart(service, picture, 'p95Ms'),
            },
          ],
        }),
      ];
    });
    return outcome(hits, sentence('response_time.ok', { count: known.length }));
  },
};

function slowest(
  operations: readonly {
    name: string;
    incident: { meanMs: number | null; requests: number };
    baseline: { meanMs: number | null };
  }[],
): string | undefined {
  const added = (operation: (typeof operations)[number]) =>
    ((operation.incident.meanMs ?? 0) - (operation.baseline.meanMs ?? operation.incident.meanMs ?? 0)) *
    operation.incident.requests;
  return [...operations].sort((a, b) => added(b) - added(a))[0]?.name;
}
