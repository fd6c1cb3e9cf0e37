import { sentence } from '../../model/index.ts';
import type { OriginPicture } from '../picture.ts';
import { type Check, clamp, hit, noData, outcome, percent, rowsOf, serviceOf } from './check.ts';

/** Where errors begin: failed spans none of whose children failed, as shares of all new ones. */
const originsMin = 3;
const shareMin = 0.1;

/** Words of a connection that was never made or broke; the peer or the way to it is gone, not its code. */
export const networkWords =
  /ECONNREFUSED|ECONNRESET|EHOSTUNREACH|ENETUNREACH|EPIPE|ENOTFOUND|EAI_AGAIN|getaddrinfo|connection refused|connection reset|no route to host|socket hang ?up|other side closed|broken pipe|dns|UND_ERR_SOCKET|unreachable/i;
export const timeoutWords =
  /ETIMEDOUT|timeout|timed out|deadline exceeded|UND_ERR_(HEADERS|CONNECT)_TIMEOUT|aborted/i;

/** Errors beyond what the same origin produced before, over a window of equal length. */
export function newErrors(origin: OriginPicture, incidentS: number, baselineS: number): number {
  return Math.max(0, origin.incident - (origin.baseline / Math.max(1, baselineS)) * incidentS);
}

export const errorOrigin: Check = {
  id: 'error_origin',
  layer: 'service',
  run(picture) {
    const windowS = (picture.at - picture.window.from) / 1000;
    const baselineS = Math.min(300, (picture.baseline.to - picture.baseline.from) / 1000);
    const origins = picture.origins.map((origin) => ({
      origin,
      count: newErrors(origin, windowS, baselineS),
    }));
    const total = origins.reduce((sum, { count }) => sum + count, 0);
    if (picture.services.every((service) => service.incident.requests === 0))
      return noData(sentence('error_origin.no_data', {}));
    if (total < originsMin) return outcome([], sentence('error_origin.none', {}));
    const groups = new Map<string, { origin: OriginPicture; count: number }[]>();
    for (const entry of origins) {
      if (entry.count <= 0) continue;
      const key = `${entry.origin.service} ${entry.origin.peer?.urn ?? ''}`;
      groups.set(key, [...(groups.get(key) ?? []), entry]);
    }
    const hits = [...groups.values()].flatMap((group) => {
      const count = group.reduce((sum, entry) => sum + entry.count, 0);
      const first = [...group].sort((a, b) => b.count - a.count)[0]?.origin;
      if (!first || count < originsMin || count / total < shareMin) return [];
      return [originHit(picture, first, count, total)];
    });
    return outcome(hits, sentence('error_origin.spread', {}));
  },
};

function originHit(picture: Parameters<Check['run']>[0], first: OriginPicture, count: number, total: number) {
  const words = `${first.exception} ${first.message}`;
  return hit({
    service: first.service,
    resource: first.peer?.urn ?? serviceOf(picture, first.service)?.urn ?? `urn:svc:${first.service}`,
    strength: clamp(count / total),
    says: sentence('error_origin', {
      share: percent(count / total),
      service: first.service,
      peer: first.peer ? (first.peer.callee ?? first.peer.urn) : undefined,
      operation: first.operation,
      message: (first.message || first.exception).slice(0, 160),
      status: first.status > 0 ? first.status : undefined,
    }),
    values: {
      count,
      share: count / total,
      network: networkWords.test(words) ? 1 : 0,
      timeout: timeoutWords.test(words) ? 1 : 0,
      // What a proxy answers for a server that it can't reach.
      proxied: first.status >= 502 && first.status <= 504 ? 1 : 0,
    },
    facts: {
      operation: first.operation,
      exception: first.exception,
      version: first.version,
      peer_type: first.peer?.type ?? '',
      peer_service: first.peer?.callee ?? '',
      peer_address: first.peer?.address ?? '',
      trace_id: first.traceId,
    },
    evidence: [
      {
        dim: 'trace',
        resource: first.peer?.urn ?? `urn:svc:${first.service}`,
        filter: rowsOf(
          picture,
          'otel_traces',
          { ServiceName: first.service, SpanName: first.operation },
          { only: 'errors' },
        ),
      },
    ],
  });
}
