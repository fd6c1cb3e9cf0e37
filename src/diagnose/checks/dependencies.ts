import { sentence } from '../../model/index.ts';
import {
  type Check,
  errorRatio,
  hit,
  noData,
  number,
  outcome,
  percent,
  ratioStrength,
  rowsOf,
  seconds,
} from './check.ts';

/** Calls to databases, services and outside peers as their callers see them. */
const callsMin = 5;
const factorMin = 2.5;
const changeMsMin = 15;
const errorRatioMin = 0.05;

export const dependencies: Check = {
  id: 'dependencies',
  layer: 'service',
  run(picture) {
    const called = picture.edges.filter((edge) => edge.incident.requests >= callsMin);
    if (called.length === 0) return noData(sentence('dependency.no_data', {}));
    const hits = called.flatMap((edge) => {
      const now = errorRatio(edge.incident);
      const before = errorRatio(edge.baseline);
      const failing = edge.incident.errors >= 3 && now > Math.max(errorRatioMin, 3 * before);
      const p95 = [edge.baseline.p95Ms ?? 0, edge.incident.p95Ms ?? 0] as const;
      const slow =
        edge.baseline.requests >= callsMin && p95[1] > factorMin * p95[0] && p95[1] - p95[0] > changeMsMin;
      if (!failing && !slow) return [];
      const [host] = edge.address.split(':');
      const equals: Record<string, string> = { ServiceName: edge.src };
      if (edge.type === 'external' && host) equals['SpanAttributes.server.address'] = host;
      return [
        hit({
          service: edge.src,
          resource: edge.dst,
          strength: Math.max(failing ? 0.3 + now : 0, slow ? ratioStrength(p95[1] / Math.max(1, p95[0])) : 0),
          says: sentence('dependency', {
            src: edge.src,
            dst: edge.callee ?? edge.dst,
            ...(failing && { errors: percent(now), errorsBefore: percent(before) }),
            ...(slow && { p95: number(p95[1]), p95Before: number(p95[0]) }),
            seconds: seconds(picture.window),
          }),
          values: {
            failing: failing ? 1 : 0,
            slow: slow ? 1 : 0,
            errorRatio: now,
            ratio: p95[1] / Math.max(1, p95[0]),
            addedMs:
              Math.max(0, (edge.incident.meanMs ?? 0) - (edge.baseline.meanMs ?? 0)) * edge.incident.requests,
          },
          facts: { peer_type: edge.type, peer_service: edge.callee ?? '', peer_address: edge.address },
          evidence: [
            {
              dim: 'trace',
              resource: edge.dst,
              filter: rowsOf(
                picture,
                'otel_traces',
                equals,
                failing ? { only: 'errors' } : { only: 'client_spans' },
              ),
            },
          ],
        }),
      ];
    });
    return outcome(hits, sentence('dependency.ok', { count: called.length }));
  },
};
