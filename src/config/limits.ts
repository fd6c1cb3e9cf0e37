import { z } from 'zod';

/** What one tenant may send; beyond it the sender is told so. */
export const limitsSchema = z
  .strictObject({
    seriesActiveMax: z.coerce
      .number()
      .int()
      .min(1)
      .max(50_000_000)
      .default(1_000_000)
      .describe('Most series of metrics that a tenant may send in an hour; more are refused.'),
    streamsActiveMax: z.coerce
      .number()
      .int()
      .min(1)
      .max(50_000_000)
      .default(100_000)
      .describe('Most streams of logs (sets of labels, as Loki has them) that a tenant may send in an hour.'),
    labelNamesMax: z.coerce
      .number()
      .int()
      .min(1)
      .default(128)
      .describe('Most labels of one series or stream.'),
    labelNameBytesMax: z.coerce
      .number()
      .int()
      .min(1)
      .default(1_024)
      .describe('Longest name of a label, bytes.'),
    labelValueBytesMax: z.coerce
      .number()
      .int()
      .min(1)
      .default(4_096)
      .describe('Longest value of a label of a series or stream, bytes.'),
    labelValuesMax: z.coerce
      .number()
      .int()
      .min(1)
      .default(10_000)
      .describe('Most values that one label of one metric (or of all streams) may have in an hour.'),
    cardinalityAction: z
      .enum(['reject', 'drop_label', 'dead_letter'])
      .default('dead_letter')
      .describe(
        'What happens beyond a limit of labels: refuse the records, keep them without the label (streams: as attribute), or refuse and keep them as dead letters.',
      ),
  })
  .prefault({});
