import { sentence } from '../../model/index.ts';
import type { Incident } from '../incident.ts';
import type { Fact } from './facts.ts';
import type { Frame } from './frame.ts';
import type { MessageChange } from './messages.ts';
import { constantPart, givenUp, namedIn } from './names.ts';
import { reference } from './reference.ts';
import { quoted, shownNumber, shownTime } from './show.ts';

const perService = 4;

/** New, more frequent and missing messages. A message that names another resource is more about that one. */
export function messageFacts(
  incident: Incident,
  frame: Frame,
  changes: readonly MessageChange[],
  nodes: ReadonlySet<string>,
): Fact[] {
  const counts = new Map<string, number>();
  return changes.flatMap((change): Fact[] => {
    const count = (counts.get(change.service) ?? 0) + 1;
    counts.set(change.service, count);
    if (count > perService) return [];
    const sample = quoted(change.template.example.body);
    const elsewhere = namedIn(sample, nodes, change.service).length > 0;
    const says =
      change.change === 'new'
        ? sentence('rca.message_new', {
            service: change.service,
            sample,
            count: change.during,
            since: shownTime(change.first),
          })
        : change.change === 'grown'
          ? sentence('rca.message_grown', {
              service: change.service,
              sample,
              rate: shownNumber(change.ratePerMinute),
              before: shownNumber(change.usualPerMinute),
            })
          : sentence('rca.message_gone', {
              service: change.service,
              sample,
              before: shownNumber(change.usualPerMinute),
            });
    const gone = change.change === 'gone';
    return [
      {
        resource: change.service,
        layer: 'application',
        check: 'log_messages',
        kind: 'error_burst',
        strength: change.strength,
        own: gone ? 0.2 : elsewhere || givenUp.test(sample) ? 0.25 : change.trouble ? 0.75 : 0.3,
        onset: gone ? null : change.first,
        says,
        evidence: [
          {
            dim: 'log',
            ref: reference(
              incident,
              'logs',
              { service: change.service, contains: constantPart(change.template.example.body) },
              gone
                ? { from: frame.baseline?.from ?? frame.window.from, to: change.last }
                : { from: frame.began, to: frame.end },
            ),
          },
        ],
      },
    ];
  });
}
