import { z } from 'zod';
import { causeKinds, layers } from '../../model/index.ts';

/** Quantities of requests, calls, spans and flows that are the same whatever names their senders use. */
export const measures = [
  'request.rate',
  'request.error_ratio',
  'request.duration_mean_ms',
  'request.duration_p50_ms',
  'request.duration_p95_ms',
  'request.duration_p99_ms',
  'request.slow_ratio',
  'request.client_error_ratio',
  'request.server_error_ratio',
  'request.status_ratio',
  'request.success_ratio',
  'call.error_ratio',
  'call.duration_p95_ms',
  'statement.duration_mean_ms',
  'users.active',
  'flow.bytes_per_second',
  'flow.connections_per_second',
  'flow.reset_ratio',
  'flow.rejected_ratio',
  'flow.unanswered_ratio',
] as const;
export type Measure = (typeof measures)[number];

/** Where in the order of the operations manual (front end, permission, business logic, dependencies, data) a check stands. */
export const checkOrders = ['front_end', 'permission', 'business', 'dependency', 'data'] as const;
export type CheckOrder = (typeof checkOrders)[number];

const said = z.strictObject({ en: z.string().min(1).max(400), zh: z.string().min(1).max(400) });
const names = z.array(z.string().min(1).max(200)).min(1).max(40);
const expression = z
  .string()
  .max(500)
  .transform((text, context) => {
    try {
      return new RegExp(text, 'iu');
    } catch (error) {
      context.addIssue({
        code: 'custom',
        message: error instanceof Error ? error.message : 'not an expression',
      });
      return z.NEVER;
    }
  });

const metricReading = z.strictObject({
  /** Metric names; `*` stands for any characters, case and the kind of separator do not matter. */
  metric: names,
  /** Labels that must have such a value. */
  labels: z.record(z.string(), expression).default({}),
  /** `counter`: the value is a sum since a start; its rise per second is judged. */
  kind: z.enum(['gauge', 'counter']).default('gauge'),
  /** The value is divided by these of the same resource (and of the same labels that both have). */
  divide_by: names.optional(),
  /** `1 - value`, for a share of what is left. */
  complement: z.boolean().default(false),
  /** Multiplies the value into the check's unit. */
  scale: z.number().default(1),
  /** Several series of one resource (cores, devices) are judged each, or as one. */
  combine: z.enum(['each', 'mean', 'sum']).default('each'),
  /** What of a window's points is judged. */
  take: z.enum(['mean', 'p95', 'max', 'min', 'last']).default('mean'),
});
const measureReading = z.strictObject({
  measure: z.enum(measures),
  /** For `request.status_ratio`. */
  status: z.array(z.int().min(100).max(599)).max(20).optional(),
  /** For `call.*`: the type of what is called. */
  of: z.enum(['service', 'database', 'cache', 'queue', 'external']).optional(),
});
const logReading = z.strictObject({
  /** Records that any of these matches, per minute. */
  logs: z.array(expression).min(1).max(20),
  /** Records of this severity (INFO, WARN, ERROR …) or worse; all without. */
  severity: z.enum(['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL']).optional(),
});
const eventReading = z.strictObject({
  /** Change and platform events whose kind and title match. */
  events: z.array(expression).min(1).max(20),
});

export const indicatorSchema = z
  .strictObject({
    id: z.string().regex(/^[a-z][a-z0-9_]{1,60}$/, 'small letters, digits and _ only'),
    layer: z.enum(layers),
    order: z.enum(checkOrders).optional(),
    title: said,
    reads: z
      .array(z.union([metricReading, measureReading, logReading, eventReading]))
      .min(1)
      .max(10),
    /** Shown behind a figure: `ms`, `%` (of a share), `/s`, `/min`, `B`, or nothing. */
    unit: z.enum(['', 'ms', 's', '%', '/s', '/min', 'B', 'B/s']).default(''),
    worse: z.enum(['higher', 'lower', 'either']).default('higher'),
    /** The warning line: beyond it, and worse than before, is suspect. */
    limit: z.number().optional(),
    /** So many times its normal value (or a fraction of it, where lower is worse) is suspect. */
    ratio: z.number().positive().optional(),
    /** Rises all the time and never falls: a leak. By this share of its value in the window. */
    grows: z.number().positive().optional(),
    /** Nothing smaller than this matters (larger, where lower is worse). */
    floor: z.number().default(0),
    /** What a suspect one speaks for, where it speaks for something by itself. */
    cause: z.enum(causeKinds).optional(),
    /** `{resource}`, `{value}`, `{baseline}`, `{limit}`, `{example}` are filled in. */
    finding: said,
    /** Usual reasons. */
    causes: z.strictObject({ en: z.array(z.string()).min(1), zh: z.array(z.string()).min(1) }),
    /** The next step. */
    advice: said,
    links: z.array(z.string().max(300)).max(5).default([]),
  })
  .refine((check) => check.limit !== undefined || check.ratio !== undefined || check.grows !== undefined, {
    message: 'a limit, a ratio or grows is needed, else nothing can be suspect',
    path: ['limit'],
  });

export type Indicator = z.infer<typeof indicatorSchema>;
export type MetricReading = z.infer<typeof metricReading>;
export type MeasureReading = z.infer<typeof measureReading>;
export type LogReading = z.infer<typeof logReading>;
export type EventReading = z.infer<typeof eventReading>;
