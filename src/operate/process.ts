import { statfs } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { gauge } from '../lib/index.ts';
import { type HealthSource, metric } from './health.ts';

/** Above this the console and the receivers feel slow to a person. */
const loopDelayMsMax = 500;
/** With less left a segment or a merge may fail soon. */
const diskFreeBytesMin = 1_073_741_824;

gauge('process_resident_memory_bytes', 'Resident memory of Clew, engines included.', [], () =>
  process.memoryUsage.rss(),
);
gauge('process_cpu_seconds_total', 'Processor time used by Clew since its start.', [], () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
});
const loopDelay = gauge(
  'clew_event_loop_delay_p99_seconds',
  '99th percentile of the event loop delay since the last health check.',
);

/** The process itself: memory, event loop, room on the disk of `dataDir`. */
export function processSource(dataDir: string): HealthSource {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  return {
    namespace: 'process',
    async collect() {
      const delayMs = Math.round(delay.percentile(99) / 1e6);
      loopDelay.set(delayMs / 1000);
      delay.reset();
      const disk = await statfs(dataDir);
      const freeBytes = disk.bavail * disk.bsize;
      return [
        metric({
          name: 'resident_memory_bytes',
          value: process.memoryUsage.rss(),
          ok: true,
          message: 'resident memory',
          suggestion: '',
        }),
        metric({
          name: 'cores',
          value: availableParallelism(),
          ok: true,
          message: 'processor cores',
          suggestion: '',
        }),
        metric({
          name: 'event_loop_delay_p99_ms',
          value: delayMs,
          ok: delayMs <= loopDelayMsMax,
          message: `event loop delay p99 ${delayMs} ms`,
          suggestion:
            'Clew is short of processor time: lower the load, raise detect.interval_ms, or give it more cores.',
        }),
        metric({
          name: 'disk_free_bytes',
          value: freeBytes,
          ok: freeBytes >= diskFreeBytesMin,
          message: `${Math.round(freeBytes / 1e6)} MB free under ${dataDir}`,
          suggestion: `Free space under ${dataDir} or move data_dir to a larger disk; senders are refused when it is full.`,
        }),
      ];
    },
  };
}
