import { sentence } from '../../model/index.ts';
import {
  type Check,
  chart,
  clamp,
  errorRatio,
  hit,
  noData,
  outcome,
  percent,
  rowsOf,
  seconds,
} from './check.ts';

/** Failed share of requests, by service, operation and status code (5xx against 4xx). */
const errorsMin = 3;
const ratioMin = 0.02;
const factorMin = 3;

export const errorRate: Check = {
  id: 'error_rate',
  layer: 'application',
  run(picture) {
    const served = picture.services.filter((service) => service.incident.requests > 0);
    if (served.length === 0) return noData(sentence('error_rate.no_data', {}));
    const hits = served.flatMap((service) => {
      const now = errorRatio(service.incident);
      const before = errorRatio(service.baseline);
      if (service.incident.errors < errorsMin || now < Math.max(ratioMin, factorMin * before)) return [];
      const operation = [...service.operations].sort((a, b) => b.incident.errors - a.incident.errors)[0];
      const codes = service.statusCodes
        .filter((code) => code.code >= 500 && code.incident > 0)
        .map((code) => code.code);
      return [
        hit({
          service: service.service,
          resource: service.urn,
          strength: clamp(0.3 + now),
          says: sentence('error_rate.up', {
            service: service.service,
            errors: service.incident.errors,
            requests: service.incident.requests,
            now: percent(now),
            seconds: seconds(picture.window),
            before: percent(before),
            operation: operation?.name,
            codes: codes.slice(0, 3).join(', '),
          }),
          values: { ratio: now, before, errors: service.incident.errors },
          facts: operation ? { operation: operation.name } : {},
          evidence: [
            {
              dim: 'trace',
              resource: service.urn,
              filter: rowsOf(picture, 'otel_traces', { ServiceName: service.service }, { only: 'errors' }),
              series: chart(service, picture, 'errors'),
            },
          ],
        }),
      ];
    });
    return outcome(hits, sentence('error_rate.ok', { count: served.length }));
  },
};
