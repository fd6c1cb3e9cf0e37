import { statfs } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { gauge } from '../lib/index.ts';
import type { HealthMetric, HealthSource } from './health.ts';

/** Above this the console and the receivers feel slow to a person. */
const loopDelayMsMax = 500;
/** With less left a segment or a merge may fail soon. */
const diskFreeBytesMin = 1_073_741_824;

const residentBytes = gauge('process_resident_memory_bytes', 'Resident memory of Clew, engines included.');
const cpuSeconds = gauge('process_cpu_seconds_total', 'Processor time used by Clew since its start.');
const loopDelay = gauge(
  'clew_event_loop_delay_p99_seconds',
  '99th percentile of the event loop delay since the last health check.',
);

const metric = (
  name: string,
  value: number,
  ok: boolean,
  message: string,
  suggestion: string,
): HealthMetric => ({
  status: ok,
  metric_name: name,
  metric_value: value,
  dimensions: {},
  message,
  suggestion: ok ? '' : suggestion,
});

/** The process itself: memory, event loop, room on the disk of `dataDir`. */
export function processSource(dataDir: string): HealthSource {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  return {
    namespace: 'process',
    async collect() {
      const usage = process.cpuUsage();
      residentBytes.set(process.memoryUsage.rss());
      cpuSeconds.set((usage.user + usage.system) / 1e6);
      const delayMs = Math.round(delay.percentile(99) / 1e6);
      loopDelay.set(delayMs / 1000);
      delay.reset();
      const disk = await statfs(dataDir);
      const freeBytes = disk.bavail * disk.bsize;
      return [
        metric('resident_memory_bytes', process.memoryUsage.rss(), true, 'resident memory', ''),
        metric('cores', availableParallelism(), true, 'processor cores', ''),
        metric(
          'event_loop_delay_p99_ms',
          delayMs,
          delayMs <= loopDelayMsMax,
          `event loop delay p99 ${delayMs} ms`,
          'Clew is short of processor time: lower the load, raise detect.interval_ms, or give it more cores.',
        ),
        metric(
          'disk_free_bytes',
          freeBytes,
          freeBytes >= diskFreeBytesMin,
          `${Math.round(freeBytes / 1e6)} MB free under ${dataDir}`,
          `Free space under ${dataDir} or move data_dir to a larger disk; senders are refused when it is full.`,
        ),
      ];
    },
  };
}
