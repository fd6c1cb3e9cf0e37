import { sentence } from '../../model/index.ts';
import { type Check, clamp, hit, noData, number, outcome, percent, rowsOf } from './check.ts';

/** Whether a service got slower by itself or by waiting for others: its own part of the added time. */
const visitsMin = 5;
const addedMsMin = 5;
const factorMin = 1.5;

export const ownTime: Check = {
  id: 'own_time',
  layer: 'application',
  run(picture) {
    const known = picture.services.filter(
      (service) =>
        service.time &&
        service.time.incident.visits >= visitsMin &&
        service.time.baseline.visits >= visitsMin,
    );
    if (known.length === 0) return noData(sentence('own_time.no_data', {}));
    const hits = known.flatMap((service) => {
      if (!service.time) return [];
      const { baseline, incident } = service.time;
      const own = incident.ownMs - baseline.ownMs;
      const waited = Math.max(0, incident.dependencyMs - baseline.dependencyMs);
      if (own < addedMsMin || incident.ownMs < factorMin * baseline.ownMs) return [];
      const share = own / (own + waited);
      return [
        hit({
          service: service.service,
          resource: service.urn,
          strength: clamp(share),
          says: sentence('own_time.up', {
            service: service.service,
            now: number(incident.ownMs),
            before: number(baseline.ownMs),
            share: percent(share),
          }),
          values: { share, addedMs: own, ratio: incident.ownMs / Math.max(0.1, baseline.ownMs) },
          evidence: [
            {
              dim: 'trace',
              resource: service.urn,
              filter: rowsOf(
                picture,
                'otel_traces',
                { ServiceName: service.service },
                { only: 'slow', thresholdMs: baseline.ownMs + baseline.dependencyMs },
              ),
            },
          ],
        }),
      ];
    });
    return outcome(hits, sentence('own_time.ok', {}));
  },
};
