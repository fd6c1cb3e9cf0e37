import { sentence } from '../../model/index.ts';
import { type Check, hit, outcome, serviceOf } from './check.ts';

/** What people and machines changed shortly before the onset. A change alone proves nothing. */
const lookbackMs = 1_800_000;
/** The onset is known to a bucket: within it, before and after can't be told apart. */
const onsetPrecisionS = 5;

export const changes: Check = {
  id: 'changes',
  layer: 'service',
  run(picture) {
    const near = picture.changes.filter(
      (change) => change.at <= picture.since + 15_000 && change.at > picture.since - lookbackMs,
    );
    const hits = near.map((change) => {
      const ago = Math.round((picture.since - change.at) / 1000);
      return hit({
        service: change.service,
        resource: serviceOf(picture, change.service)?.urn ?? `urn:svc:${change.service}`,
        strength: Math.exp(-Math.max(0, picture.since - change.at) / 600_000),
        says: sentence('change.near', {
          kind: change.kind,
          service: change.service,
          secondsBefore: ago > onsetPrecisionS ? ago : undefined,
          title: change.title,
        }),
        facts: { change: change.id },
        evidence: [
          {
            dim: 'event',
            resource: `urn:svc:${change.service}`,
            filter: {
              dataset: 'change_events',
              window: { from: change.at - 1_000, to: change.at + 1_000 },
              equals: { Id: change.id },
            },
          },
        ],
      });
    });
    return outcome(hits, sentence('change.none', {}));
  },
};
