import { z } from 'zod';

/** What one tenant may send; beyond it the sender is told so. */
export const limitsSchema = z
  .strictObject({
    bytesPerS: z.coerce
      .number()
      .int()
      .min(0)
      .default(0)
      .describe('Bytes of requests a tenant may send each second, decompressed; beyond it 429. 0: no limit.'),
    bytesBurst: z.coerce
      .number()
      .int()
      .min(0)
      .default(0)
      .describe('Bytes that may come at once after a pause; 0: as many as in a second.'),
    recordsPerS: z.coerce
      .number()
      .int()
      .min(0)
      .default(0)
      .describe('Records a tenant may send each second; beyond it 429. 0: no limit.'),
    recordsBurst: z.coerce
      .number()
      .int()
      .min(0)
      .default(0)
      .describe('Records that may come at once after a pause; 0: as many as in a second.'),
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

/** Where Clew calls itself not ready, so that a balancer sends elsewhere before senders notice. */
export const readySchema = z
  .strictObject({
    insertLagMsMax: z.coerce
      .number()
      .int()
      .min(1_000)
      .default(30_000)
      .describe('Longest that an acknowledged record may wait for its insert, milliseconds.'),
    commitMsMax: z.coerce
      .number()
      .int()
      .min(10)
      .default(5_000)
      .describe('Longest that a write to the write-ahead log may take, milliseconds; hanging ones count.'),
    pendingShareMax: z.coerce
      .number()
      .min(0.05)
      .max(1)
      .default(0.95)
      .describe('Part of ingest.pending_bytes_max that may wait to be inserted.'),
  })
  .prefault({});
