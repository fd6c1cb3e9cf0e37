import { sentence } from '../../model/index.ts';
import { type Check, clamp, hit, noData, outcome, rowsOf } from './check.ts';
import { networkWords, timeoutWords } from './error-origin.ts';

/** Errors that look like the way to a peer: refused, reset, unreachable, name not found, timed out. */
const errorsMin = 3;

export const network: Check = {
  id: 'network_errors',
  layer: 'network',
  run(picture) {
    if (picture.edges.length === 0) return noData(sentence('network.no_data', {}));
    const hits = picture.origins.flatMap((origin) => {
      const words = `${origin.exception} ${origin.message}`;
      const broken = networkWords.test(words);
      if (!origin.peer || origin.incident < errorsMin || !(broken || timeoutWords.test(words))) return [];
      return [
        hit({
          service: origin.service,
          resource: origin.peer.urn,
          strength: clamp(broken ? 0.8 : 0.5),
          says: sentence(broken ? 'network.broken' : 'network.timeout', {
            src: origin.service,
            dst: origin.peer.callee ?? origin.peer.urn,
            count: origin.incident,
            message: (origin.message || origin.exception).slice(0, 120),
          }),
          values: { broken: broken ? 1 : 0, count: origin.incident },
          facts: { peer_service: origin.peer.callee ?? '', peer_address: origin.peer.address },
          evidence: [
            {
              dim: 'trace',
              resource: origin.peer.urn,
              filter: rowsOf(
                picture,
                'otel_traces',
                { ServiceName: origin.service, SpanName: origin.operation },
                { only: 'errors' },
              ),
            },
          ],
        }),
      ];
    });
    return outcome(hits, sentence('network.ok', {}));
  },
};
