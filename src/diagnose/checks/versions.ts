import { sentence } from '../../model/index.ts';
import { type Check, clamp, errorRatio, hit, noData, number, outcome, percent, rowsOf } from './check.ts';

/** The newest version of a service against the one before it. */
const requestsMin = 5;
const youngMs = 1_800_000;
const errorChangeMin = 0.02;
const latencyFactorMin = 2;

export const versions: Check = {
  id: 'versions',
  layer: 'application',
  run(picture) {
    const versioned = picture.services.filter((service) => service.versions.length > 0);
    if (versioned.length === 0) return noData(sentence('version.no_data', {}));
    const hits = versioned.flatMap((service) => {
      const running = service.versions.filter((version) => version.incident.requests >= requestsMin);
      const newest = [...running].sort((a, b) => b.first - a.first)[0];
      const old = [...service.versions]
        .filter((version) => version !== newest && version.baseline.requests >= requestsMin)
        .sort((a, b) => b.baseline.requests - a.baseline.requests)[0];
      if (!newest || !old || newest.first <= old.first || picture.since - newest.first > youngMs) return [];
      // Where both run now they are compared side by side, else the new one with the old one's past.
      const reference = old.incident.requests >= requestsMin ? old.incident : old.baseline;
      const now = errorRatio(newest.incident);
      const before = errorRatio(reference);
      const worse = now - before > errorChangeMin && now > 3 * before;
      const slower =
        (newest.incident.p50Ms ?? 0) > latencyFactorMin * (reference.p50Ms ?? 0) + 5 ||
        (newest.incident.p95Ms ?? 0) > latencyFactorMin * (reference.p95Ms ?? 0) + 15;
      const compared = {
        service: service.service,
        version: newest.version,
        secondsBefore: Math.round((picture.since - newest.first) / 1000),
        previous: old.version,
      };
      const figures = worse
        ? { errors: percent(now), errorsBefore: percent(before) }
        : { p95: number(newest.incident.p95Ms ?? 0), p95Before: number(reference.p95Ms ?? 0) };
      return [
        hit({
          service: service.service,
          resource: service.urn,
          strength: worse ? clamp(0.5 + now) : slower ? 0.6 : 0,
          says:
            worse || slower
              ? sentence('version.worse', { ...compared, ...figures })
              : sentence('version.new', compared),
          values: { worse: worse ? 1 : 0, slower: slower ? 1 : 0 },
          facts: { version: newest.version, previous_version: old.version },
          evidence: [
            {
              dim: 'trace',
              resource: service.urn,
              filter: rowsOf(
                picture,
                'otel_traces',
                { ServiceName: service.service, 'ResourceAttributes.service.version': newest.version },
                worse ? { only: 'errors' } : { only: 'server_spans' },
              ),
            },
          ],
        }),
      ];
    });
    const suspect = hits.filter((found) => found.strength > 0);
    const fine = sentence('version.ok', {});
    return suspect.length > 0 ? outcome(hits, fine) : { ...outcome([], fine), hits };
  },
};
