import { z } from 'zod';
import { severities } from '../../model/index.ts';
import { accessStates, correctionKinds, flows } from '../../rollup/index.ts';
import { histogramAnswer, statistics, windowQuery } from '../explore-schema.ts';

/** Parameters and answers of the pattern routes. */

const one = (what: string) => z.string().min(1).max(256).describe(what);
const service = one('Service name.').optional();
const severity = z.enum(severities);

export const patternId = z
  .string()
  .regex(/^\d{1,18}$/, 'is no id of a pattern')
  .describe('`pattern_id`; that of a pattern that was merged answers the one it is part of.');
export const idParams = z.object({ id: patternId });

export const listQuery = windowQuery.extend({
  service,
  severity: severity.optional().describe('Only patterns whose worst record in the window is at least this.'),
  q: z
    .string()
    .min(1)
    .max(300)
    .optional()
    .describe('Part of a template or name, or something like it (trigrams).'),
  only: z.enum(['new', 'errors']).optional(),
  sort: z.enum(['count', 'errors', 'first_seen', 'last_seen']).default('count'),
  limit: z.coerce.number().int().min(1).max(2_000).default(200),
});

export const detailQuery = windowQuery.extend({
  buckets: z.coerce.number().int().min(1).max(500).default(60),
});

export const comparisons = ['previous', 'hour', 'day', 'week', 'year', 'release'] as const;
export const compareQuery = windowQuery.extend({
  service,
  with: z
    .enum(comparisons)
    .default('day')
    .describe(
      'What to compare with: the same window an hour, a day, a week or a year (365 days) before, the window right before (`previous`), or the time before the newest deploy (`release`; then `from` is that moment).',
    ),
  limit: z.coerce.number().int().min(1).max(2_000).default(500),
});

export const eventsQuery = windowQuery.extend({
  service,
  pattern: patternId.optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(200),
});

const asked = {
  actor: z.string().trim().min(1).max(200).describe('Who does it.'),
  reason: z.string().trim().max(1_000).default('').describe('Why.'),
};
export const askedBody = z.strictObject(asked);
export const mergeBody = z.strictObject({
  ids: z.array(patternId).min(1).max(500),
  into: patternId.optional().describe('The one that keeps its id and template; default: the oldest.'),
  ...asked,
});
export const splitBody = z.strictObject({
  shapes: z
    .array(z.string().regex(/^\d{1,20}$/, 'is no shape'))
    .min(1)
    .max(1_000)
    .describe('Shapes that become a pattern of their own, as `GET /patterns/{id}` names them.'),
  template: z
    .string()
    .trim()
    .max(4_096)
    .default('')
    .describe('Of the new pattern; empty: what mining finds.'),
  ...asked,
});
export const nameBody = z.strictObject({
  name: z.string().trim().max(200).describe('Empty takes the name away.'),
  ...asked,
});
export const setup = z.strictObject({
  field: z.string().max(200).default('').describe('Key of a JSON message whose text is the message.'),
  ignore: z.array(z.string()).default([]).describe('Keys of JSON or key=value messages whose values vary.'),
  masks: z.array(z.string()).default([]).describe('Regular expressions of what varies.'),
});
export const setupBody = z.strictObject({
  service: z.string().max(256).describe('Empty: every application without a setup of its own.'),
  setup: setup.nullable().describe('null takes it away.'),
  ...asked,
});
export const tryBody = z.strictObject({ service: one('Service name.'), setup });
export const restartBody = z.strictObject({
  service: one('Service name; without it every application.').optional(),
  ...asked,
});
export const correctionsQuery = z.strictObject({
  pattern: patternId.optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
});
export const correctionParams = z.object({ id: z.string().regex(/^\d{1,18}$/, 'is no id of a correction') });

const pattern = {
  pattern_id: z.string().nullable().describe('null while the message has no pattern yet (some two minutes).'),
  template: z.string(),
  name: z.string(),
  severity: severity.describe('The worst.'),
  services: z.array(z.string()),
};
export const listAnswer = z.object({
  data: z.array(
    z.object({
      ...pattern,
      sample: z.string(),
      count: z.number(),
      error_count: z.number(),
      share: z.number().describe('Of all records of the window, 0 … 1.'),
      first_seen: z.number().describe('Ever.'),
      last_seen: z.number(),
      spark: z.array(z.number()),
      is_new: z.boolean().describe('Not seen before the window.'),
      merged: z.number().describe('Patterns that were merged into it.'),
      pinned: z.boolean().describe('A person decided about it; mining leaves it as it is.'),
    }),
  ),
  total: z.number().describe('Records of the window, of all patterns.'),
  patterns: z.number().describe('Patterns that match, also beyond `limit`.'),
  step_ms: z.number(),
  at: z.array(z.number()),
  truncated: z.boolean(),
  statistics,
});

export const correction = z.object({
  id: z.string(),
  kind: z.enum(correctionKinds),
  actor: z.string(),
  reason: z.string(),
  at: z.number(),
  detail: z.record(z.string(), z.unknown()),
  undone_at: z.number().nullable(),
  undone_by: z.string().nullable(),
});

export const event = z.object({
  event_id: z.string(),
  at: z.number(),
  kind: z.enum(['new_pattern', 'pattern_rate']),
  change: z.string().describe('new, up, down or vanished.'),
  severity,
  service: z.string(),
  resource: z.string().nullable(),
  pattern_id: z.string(),
  template: z.string(),
  title: z.string(),
  summary: z.string(),
  count: z.number().describe('Records in the five minutes.'),
  usual: z.number().describe('Median of five minutes before.'),
  evidence_id: z.string().nullable(),
});

export const detailAnswer = z.object({
  data: z.object({
    ...pattern,
    services: z.array(z.object({ service: z.string(), first_seen: z.number(), last_seen: z.number() })),
    pattern_id: z.string(),
    sample: z.string(),
    first_seen: z.number().nullable(),
    last_seen: z.number().nullable(),
    pinned: z.boolean(),
    merged: z.array(z.object({ pattern_id: z.string(), template: z.string() })),
    attributes: z.record(z.string(), z.string()).describe('Key to type.'),
    shapes: z.array(
      z.object({
        shape: z.string(),
        service: z.string(),
        message: z.string(),
        count: z.number(),
        error_count: z.number(),
        last_seen: z.number(),
      }),
    ),
    shapes_total: z.number().describe('Also those without a record in the window.'),
    severities: z.record(z.string(), z.number()).describe('Records of the window by severity.'),
    series: histogramAnswer.shape.data,
    corrections: z.array(correction),
    events: z.array(event),
  }),
  statistics,
});

const span = z.object({ from: z.number(), to: z.number() });
export const compareAnswer = z.object({
  data: z.array(
    z.object({
      ...pattern,
      pattern_id: z.string(),
      first_seen: z.number().nullable(),
      count: z.number(),
      before: z.number(),
      error_count: z.number(),
      errors_before: z.number(),
      ratio: z.number().nullable().describe('null: there was none before.'),
      state: z.enum(['new', 'gone', 'up', 'down', 'same']),
    }),
  ),
  now: span,
  before: span,
  source: z
    .enum(['details', 'five_minutes', 'days'])
    .describe('Details are exact; sums are of whole five minutes, or days.'),
  release: z.object({ at: z.number(), title: z.string(), service: z.string() }).nullable(),
  unmined: z.object({ count: z.number(), before: z.number() }),
  truncated: z.boolean(),
});

export const statusAnswer = z.object({
  data: z.array(
    z.object({
      service: z.string(),
      state: z.enum(accessStates),
      flows: z.array(z.object({ flow: z.enum(flows), state: z.enum(accessStates), reason: z.string() })),
      patterns: z.number(),
      counted_to: z.number().nullable(),
      requested_at: z.number().nullable(),
      requested_by: z.string().nullable(),
      started_at: z.number().nullable(),
      finished_at: z.number().nullable(),
    }),
  ),
});

export const setupsAnswer = z.object({
  data: z.array(z.object({ service: z.string(), setup, updated_at: z.number(), updated_by: z.string() })),
});
