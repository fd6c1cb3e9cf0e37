import type { Admission, DoorState } from '../admit/index.ts';
import type { Config } from '../config/index.ts';
import type { DetailHealth } from '../detail/index.ts';
import { type HealthSource, type Judged, metric } from './health.ts';

type Limits = Pick<Config, 'ready' | 'ingest'>;
type Seen = Pick<DetailHealth, 'insertLagMs' | 'pendingBytes'>;

/** A process that answers and yet does not do its work: old queues, slow commits, no room. */
function judge({ ready, ingest }: Limits, detail: Seen, door: DoorState): Judged[] {
  const lagMs = Math.round(detail.insertLagMs);
  const commitMs = Math.round(door.commitMs);
  const pendingMax = Math.floor(ready.pendingShareMax * ingest.pendingBytesMax);
  const known = Number.isFinite(door.diskFreeBytes);
  return [
    {
      name: 'insert_lag_ms',
      value: lagMs,
      ok: lagMs <= ready.insertLagMsMax,
      message: `the oldest acknowledged record waits ${lagMs} ms for its insert (ready.insert_lag_ms_max ${ready.insertLagMsMax})`,
      suggestion:
        'The engine is slower than the senders: give Clew more cores or a faster disk, or send less.',
    },
    {
      name: 'commit_ms',
      value: commitMs,
      ok: commitMs <= ready.commitMsMax,
      message: `a write to the write-ahead log takes ${commitMs} ms (ready.commit_ms_max ${ready.commitMsMax})`,
      suggestion: 'The disk is slow or hangs: look at its queue and at what else writes to it.',
    },
    {
      name: 'pending_bytes',
      value: detail.pendingBytes,
      ok: detail.pendingBytes < pendingMax,
      message: `${detail.pendingBytes} bytes wait to be inserted (ready.pending_share_max: ${pendingMax} of ingest.pending_bytes_max)`,
      suggestion: 'Senders are about to be answered 429: send less, or raise ingest.pending_bytes_max.',
    },
    {
      name: 'disk_free_bytes',
      value: known ? door.diskFreeBytes : -1,
      ok: door.diskFreeBytes >= ingest.diskFreeBytesMin,
      message: known
        ? `${door.diskFreeBytes} bytes are free on the disk (ingest.disk_free_bytes_min ${ingest.diskFreeBytesMin})`
        : 'free space of the disk is not known yet',
      suggestion: 'Senders are answered 503: free some space, or move data_dir to a larger disk.',
    },
  ];
}

/** Why senders should not send now, each as a sentence; empty when they may. */
export const greyFailures = (config: Limits, detail: Seen, door: DoorState): string[] =>
  judge(config, detail, door)
    .filter(({ ok }) => !ok)
    .map(({ message }) => message);

/** The same figures as readiness looks at, one by one. */
export const doorSource = (
  config: Limits,
  detail: { health(): Seen },
  door: Pick<Admission, 'state'>,
): HealthSource => ({
  namespace: 'ingest',
  async collect() {
    return judge(config, detail.health(), door.state()).map(metric);
  },
});
