import { z } from 'zod';
import type { Intake, IntakeStep } from '../operate/index.ts';
import type { RouteGroup } from './server.ts';

const byName = z.record(z.string(), z.number());
const step = z.object({
  at: z.number(),
  records: byName,
  bytes: byName,
  rejected: byName,
  ack_p99_ms: byName,
  refused: byName,
  letters: byName,
  pending_bytes: z.number(),
  insert_lag_ms: z.number(),
});
const answer = z.object({
  data: z.object({
    step_ms: z.number(),
    steps: z.array(step).describe('Rates per second over the last quarter of an hour, oldest first.'),
    offenders: z.array(
      z.object({
        tenant: z.string(),
        metric: z.string().describe('Empty: streams of logs.'),
        label: z.string().describe('Empty: all labels together.'),
        rule: z.string().describe('The setting under limits that was exceeded.'),
        count: z.number(),
        last: z.number(),
        example: z.string(),
      }),
    ),
    use: z.array(z.object({ tenant: z.string(), series: z.number(), streams: z.number() })),
    masked: byName,
    commit_ms: z.number(),
    disk_free_bytes: z.number().nullable(),
  }),
});

/** What comes in and what is refused, for the console. Register under `/api/v1`. */
export const intakeRoutes =
  (intake: Pick<Intake, 'report'>): RouteGroup =>
  async (app) => {
    app.get(
      '/intake',
      {
        config: { operator: true },
        schema: {
          tags: ['ingest'],
          summary: 'Rates, refusals, waiting bytes, labels beyond their limits',
          response: { 200: answer },
        },
      },
      async () => {
        const report = await intake.report();
        return {
          data: {
            step_ms: report.stepMs,
            steps: report.steps.map(stepAnswer),
            offenders: report.offenders.map(({ lastMs, ...rest }) => ({ ...rest, last: lastMs })),
            use: report.use,
            masked: report.masked,
            commit_ms: report.commitMs,
            disk_free_bytes: report.diskFreeBytes,
          },
        };
      },
    );
  };

const stepAnswer = ({ ackP99Ms, pendingBytes, insertLagMs, ...rest }: IntakeStep): z.infer<typeof step> => ({
  ...rest,
  ack_p99_ms: ackP99Ms,
  pending_bytes: pendingBytes,
  insert_lag_ms: insertLagMs,
});
