import { z } from 'zod';
import { indicators, severities } from '../model/index.ts';

/** Query parameters and answers of the exploring routes: what the API document shows. */

const many = z.union([z.string(), z.array(z.string())]).optional();
const epochMs = z.coerce.number().int().min(0).max(8_640_000_000_000_000);

/** Strict: a parameter that is misspelt would otherwise widen the answer without a word. */
export const windowQuery = z.strictObject({
  from: epochMs.optional().describe('Start, epoch milliseconds; default: half an hour before `to`.'),
  to: epochMs.optional().describe('End (exclusive), epoch milliseconds; default: now.'),
});

const attr = many.describe(
  'key=value on attributes of the record or its resource; `!key=value` excludes. Repeatable.',
);
const service = many.describe('Service name; `!name` excludes. Repeatable.');

export const logFilterQuery = windowQuery.extend({
  service,
  severity: many.describe(`One of ${severities.join(', ')}; \`!NAME\` excludes. Repeatable.`),
  q: z
    .string()
    .optional()
    .describe('Words and "quoted phrases" that all stand in the body, any case; -word excludes.'),
  trace_id: z.string().max(64).optional(),
  span_id: z.string().max(32).optional(),
  pattern: z.string().max(1_000).optional().describe('pattern_id of a log pattern.'),
  attr,
});
export type LogFilterQuery = z.infer<typeof logFilterQuery>;

export const logsQuerySchema = logFilterQuery.extend({
  limit: z.coerce.number().int().min(1).max(1_000).default(200),
  cursor: z.string().max(100).optional().describe('`cursor` of the previous answer.'),
});

export const histogramQuerySchema = logFilterQuery.extend({
  buckets: z.coerce.number().int().min(1).max(500).default(60),
});

export const tracesQuerySchema = windowQuery.extend({
  service: many.describe('Service name. Repeatable.'),
  operation: z.string().max(1_000).optional().describe('Span name.'),
  status: z.enum(['error', 'ok']).optional(),
  min_ms: z.coerce.number().min(0).max(1e12).optional(),
  max_ms: z.coerce.number().min(0).max(1e12).optional(),
  attr,
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
});

export const statistics = z.object({
  rows_read: z.number(),
  bytes_read: z.number(),
  elapsed_ms: z.number(),
});

const attributes = z.record(z.string(), z.string());

export const changeAnswer = z.object({
  id: z.string(),
  at: z.number(),
  kind: z.string(),
  service: z.string(),
  title: z.string(),
  actor: z.string(),
  labels: attributes,
});

const logRow = z.object({
  event_id: z.string(),
  at: z.number(),
  at_ns: z.string().describe('Nanoseconds since the epoch.'),
  service: z.string(),
  severity: z.enum(severities),
  severity_number: z.number(),
  body: z.string(),
  trace_id: z.string(),
  span_id: z.string(),
  pattern_id: z.string().nullable(),
  resource: attributes,
  attributes,
  scope: z.string(),
});
export type LogRowAnswer = z.infer<typeof logRow>;

export const logsAnswer = z.object({ data: z.array(logRow), cursor: z.string().nullable(), statistics });

export const histogramAnswer = z.object({
  data: z.object({
    step_ms: z.number(),
    at: z.array(z.number()),
    series: z.partialRecord(z.enum(severities), z.array(z.number())),
    changes: z.array(changeAnswer),
  }),
  statistics,
});

export const facetsAnswer = z.object({
  data: z.array(
    z.object({ key: z.string(), values: z.array(z.object({ value: z.string(), count: z.number() })) }),
  ),
  sampled_every: z
    .number()
    .describe('Attribute counts rest on every n-th record and are scaled up; 1 = exact.'),
  statistics,
});

export const patternsAnswer = z.object({
  data: z.array(
    z.object({
      pattern_id: z.string().nullable(),
      template: z.string(),
      name: z.string().describe('What a person calls it; empty when nobody named it.'),
      services: z.array(z.string()),
      severity: z.enum(severities),
      count: z.number(),
      error_count: z.number(),
      first_seen: z.number(),
      last_seen: z.number(),
      spark: z.array(z.number()),
      is_new: z.boolean(),
    }),
  ),
  step_ms: z.number().describe('Width of a spark bucket.'),
  at: z.array(z.number()),
  truncated: z.boolean(),
  statistics,
});

export const tracesAnswer = z.object({
  data: z.array(
    z.object({
      trace_id: z.string(),
      at: z.number(),
      service: z.string(),
      operation: z.string(),
      duration_ms: z.number(),
      spans: z.number(),
      errors: z.number(),
      services: z.array(z.object({ service: z.string(), spans: z.number() })),
    }),
  ),
  statistics,
});

export const traceAnswer = z.object({
  data: z.object({
    trace_id: z.string(),
    at: z.number(),
    duration_ms: z.number(),
    spans: z.array(
      z.object({
        span_id: z.string(),
        parent_span_id: z.string(),
        service: z.string(),
        name: z.string(),
        kind: z.string(),
        at_us_offset: z.number(),
        duration_us: z.number(),
        status: z.enum(['error', 'ok', 'unset']),
        status_message: z.string(),
        attributes,
        resource: attributes,
        scope: z.string(),
        events: z.array(z.object({ at_us_offset: z.number(), name: z.string(), attributes })),
        links: z.array(z.object({ trace_id: z.string(), span_id: z.string() })),
        critical: z.boolean(),
      }),
    ),
    logs: z.array(logRow),
    truncated: z.boolean(),
  }),
  statistics,
});

export const servicesAnswer = z.object({
  data: z.array(
    z.object({
      service: z.string(),
      urn: z.string(),
      type: z.enum(['service', 'database', 'queue', 'host', 'external']),
      health: z.enum(['ok', 'suspect', 'failing', 'no_data']),
      rps: z.number(),
      error_rate: z.number(),
      p95_ms: z.number().nullable(),
      log_rate: z.number(),
      last_seen: z.number().nullable(),
      spark: z.object({
        at: z.array(z.number()),
        rps: z.array(z.number().nullable()),
        errors: z.array(z.number().nullable()),
        p95_ms: z.array(z.number().nullable()),
      }),
      objectives: z.array(
        z.object({
          id: z.string(),
          indicator: z.enum(indicators),
          target: z.number(),
          value: z.number().nullable(),
          holds: z.boolean().nullable(),
        }),
      ),
    }),
  ),
  statistics: statistics.optional(),
});
