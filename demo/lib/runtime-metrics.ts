import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { Telemetry } from './telemetry.ts';

const nsPerS = 1e9;

/** CPU, memory and event loop of this process, named as the semantic conventions name them. */
export function startRuntimeMetrics(telemetry: Telemetry, memoryLimitBytes: number): void {
  const { meter } = telemetry;
  let cpuAt = performance.now();
  let cpuBefore = process.cpuUsage();
  meter
    .createObservableGauge('process.cpu.utilization', {
      unit: '1',
      description: 'Share of the one processor that the process may use.',
    })
    .addCallback((result) => {
      const now = performance.now();
      const used = process.cpuUsage(cpuBefore);
      if (now > cpuAt) result.observe((used.user + used.system) / 1_000 / (now - cpuAt));
      cpuAt = now;
      cpuBefore = process.cpuUsage();
    });
  meter.createObservableCounter('process.cpu.time', { unit: 's' }).addCallback((result) => {
    const { user, system } = process.cpuUsage();
    result.observe(user / 1e6, { 'cpu.mode': 'user' });
    result.observe(system / 1e6, { 'cpu.mode': 'system' });
  });
  meter
    .createObservableUpDownCounter('process.memory.usage', { unit: 'By' })
    .addCallback((result) => result.observe(process.memoryUsage.rss()));
  meter
    .createObservableGauge('process.memory.limit', {
      unit: 'By',
      description: 'Resident memory at which the process is killed.',
    })
    .addCallback((result) => result.observe(memoryLimitBytes));
  meter
    .createObservableUpDownCounter('v8js.memory.heap.used', { unit: 'By' })
    .addCallback((result) => result.observe(process.memoryUsage().heapUsed));
  meter
    .createObservableGauge('process.uptime', { unit: 's' })
    .addCallback((result) => result.observe(process.uptime()));
  startEventLoopMetrics(telemetry);
}

function startEventLoopMetrics({ meter }: Telemetry): void {
  let before = performance.eventLoopUtilization();
  meter.createObservableGauge('nodejs.eventloop.utilization', { unit: '1' }).addCallback((result) => {
    const now = performance.eventLoopUtilization();
    result.observe(performance.eventLoopUtilization(now, before).utilization);
    before = now;
  });
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  const mean = meter.createObservableGauge('nodejs.eventloop.delay.mean', { unit: 's' });
  const p99 = meter.createObservableGauge('nodejs.eventloop.delay.p99', { unit: 's' });
  const max = meter.createObservableGauge('nodejs.eventloop.delay.max', { unit: 's' });
  meter.addBatchObservableCallback(
    (result) => {
      if (delay.count > 0) {
        result.observe(mean, delay.mean / nsPerS);
        result.observe(p99, delay.percentile(99) / nsPerS);
        result.observe(max, delay.max / nsPerS);
      }
      delay.reset();
    },
    [mean, p99, max],
  );
}
