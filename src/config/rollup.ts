import { z } from 'zod';

const whole = (min: number, max: number, fallback: number) =>
  z.coerce.number().int().min(min).max(max).default(fallback);
const flag = z
  .preprocess(
    (value) =>
      value === 'true' || value === '1' ? true : value === 'false' || value === '0' ? false : value,
    z.boolean(),
  )
  .default(true);
const list = z.preprocess(
  (value) =>
    typeof value === 'string'
      ? value
          .split(',')
          .map((part) => part.trim())
          .filter(Boolean)
      : value,
  z.array(z.string()),
);
const yearS = 31_536_000;

/** Windows of the jobs between the detail store and the ledger. */
export const rollupSchema = z
  .strictObject({
    enabled: flag.describe('Whether this process runs the window jobs.'),
    delayS: whole(0, yearS, 120).describe('How far behind now the newest window of oo-agg ends, seconds.'),
    alignS: whole(1, 86_400, 60).describe('Window length and alignment of oo-agg, seconds.'),
    initialLookbackS: whole(60, yearS, 3_600).describe(
      'How far back the first run of a job starts, seconds.',
    ),
    catchUpS: whole(60, yearS, 2_678_400).describe(
      'How far back windows are made up for after a pause, seconds; older ones are left out and counted.',
    ),
    latenessS: whole(0, yearS, 86_400).describe(
      'How much later than its time a row may come and still open its window again, seconds; 0: none does.',
    ),
    workers: whole(1, 64, 2).describe('Windows that this process runs at once.'),
    leaseS: whole(3, 3_600, 30).describe(
      'A worker without a heartbeat for so long is taken for dead, and its windows are taken over, seconds.',
    ),
    runSMax: whole(1, 86_400, 600).describe('Longest run of one window, seconds; then it counts as failed.'),
    sourcesFile: z
      .string()
      .default('')
      .describe(
        'YAML file that says where the details of a tenant are (own, s3, openobserve, mock); others are in the detail store.',
      ),
    replayWindowsMax: whole(1, 100_000, 10_080).describe('Windows that one replay request may name.'),
    priorities: list
      .default([])
      .describe(
        'Which windows go first, lower numbers first: JOB.CLASS=NUMBER with * for every job. Classes and their defaults: fresh=10, late=20, catch_up=30, replay=40.',
      ),
  })
  .prefault({});
