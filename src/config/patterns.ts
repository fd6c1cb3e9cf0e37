import { z } from 'zod';

const flag = (fallback: boolean) =>
  z
    .preprocess(
      (value) =>
        value === 'true' || value === '1' ? true : value === 'false' || value === '0' ? false : value,
      z.boolean(),
    )
    .default(fallback);
const count = (least: number, fallback: number, text: string) =>
  z.coerce.number().int().min(least).default(fallback).describe(text);

/** What becomes an event about log patterns. */
export const patternsSchema = z
  .strictObject({
    events: flag(true).describe('Whether new, vanished and suddenly frequent log patterns become events.'),
    warmupS: count(
      0,
      3_600,
      'How long a service must have logged before a pattern can be new in it, seconds.',
    ),
    eventsMax: count(1, 10, 'Events of one kind in five minutes; the worst are told, the others counted.'),
    rateFactor: z.coerce
      .number()
      .min(1.5)
      .default(3)
      .describe('How many times more or less often than usual a pattern must come to be an event.'),
    rateCountMin: count(1, 30, 'Records in five minutes below which a changed rate is no event.'),
    vanishedS: count(300, 900, 'How long a regular pattern must be missing to be an event, seconds.'),
    cooldownS: count(0, 21_600, 'How long the same event of the same pattern is not told again, seconds.'),
  })
  .prefault({});
