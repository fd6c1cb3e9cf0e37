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
    if (served.length === 0) return noData('No requests were seen during the incident.');
    const hits = served.flatMap((service) => {
      const now = errorRatio(service.incident);
      const before = errorRatio(service.baseline);
      if (service.incident.errors < errorsMin || now < Math.max(ratioMin, factorMin * before)) return [];
      const operation = [...service.operations].sort((a, b) => b.incident.errors - a.incident.errors)[0];
      const codes = service.statusCodes
        .filter((code) => code.code >= 500 && code.incident > 0)
        .map((code) => code.code);
      const clientErrors = service.statusCodes.reduce(
        (n, c) => n + (c.code >= 400 && c.code < 500 ? c.incident : 0),
        0,
      );
      const text = `${service.service}: ${service.incident.errors} of ${service.incident.requests} requests failed (${percent(now)}) in ${seconds(picture.window)} s, normal ${percent(before)}; most of them ${operation?.name ?? 'unknown'}${codes.length > 0 ? `, status ${codes.slice(0, 3).join(', ')}` : ''}.`;
      return [
        hit({
          service: service.service,
          resource: service.urn,
          strength: clamp(0.3 + now),
          text,
          code: 'error_rate.up',
          params: { service: service.service, now, before, errors: service.incident.errors, clientErrors },
          values: { ratio: now, before, errors: service.incident.errors },
          facts: operation ? { operation: operation.name } : {},
          evidence: [
            {
              dim: 'trace',
              note: text,
              resource: service.urn,
              filter: rowsOf(picture, 'otel_traces', { ServiceName: service.service }, { only: 'errors' }),
              series: chart(service, picture, 'errors'),
            },
          ],
        }),
      ];
    });
    return outcome(hits, `No service fails more than usual (${served.length} looked at).`);
  },
};
