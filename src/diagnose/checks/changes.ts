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
      const when = ago > onsetPrecisionS ? `${ago} s before` : 'at';
      const text = `${change.kind} on ${change.service || 'an unnamed service'} ${when} the onset: ${change.title}.`;
      return hit({
        service: change.service,
        resource: serviceOf(picture, change.service)?.urn ?? `urn:svc:${change.service}`,
        strength: Math.exp(-Math.max(0, picture.since - change.at) / 600_000),
        text,
        code: 'change.near',
        params: { service: change.service, kind: change.kind, secondsBefore: ago },
        facts: { change: change.id },
        evidence: [
          {
            dim: 'event',
            note: text,
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
    return outcome(hits, 'Nothing was changed in the half hour before the onset.');
  },
};
