import { expect, it } from 'vitest';
import { configSchema } from '../config/index.ts';
import { doorSource, greyFailures } from './grey.ts';

const config = configSchema.parse({ ingest: { pendingBytesMax: 2_000_000 } });
const well = { insertLagMs: 10, pendingBytes: 0 };
const open = { commitMs: 3, diskFreeBytes: 1e12 };

it.each([
  [{ ...well, insertLagMs: 30_001 }, open, /waits 30001 ms for its insert \(ready.insert_lag_ms_max 30000\)/],
  [well, { ...open, commitMs: 5_001 }, /write-ahead log takes 5001 ms \(ready.commit_ms_max 5000\)/],
  [{ ...well, pendingBytes: 1_900_000 }, open, /1900000 bytes wait to be inserted/],
  [
    well,
    { ...open, diskFreeBytes: 5 },
    /^5 bytes are free on the disk \(ingest.disk_free_bytes_min 268435456\)$/,
  ],
])('a process that is alive but not well is not ready: %j %j', async (detail, door, reason) => {
  expect(greyFailures(config, well, open)).toEqual([]);
  expect(greyFailures(config, detail, door)).toEqual([expect.stringMatching(reason)]);
  const metrics = await doorSource(config, { health: () => detail }, { state: () => door }).collect();
  expect(metrics.filter(({ status }) => !status)).toHaveLength(1);
});

it('free space that is not known yet keeps nobody out', () => {
  expect(greyFailures(config, well, { ...open, diskFreeBytes: Number.POSITIVE_INFINITY })).toEqual([]);
});
