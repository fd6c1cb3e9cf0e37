import { badRelease } from './bad-release.ts';
import { cpuLoop } from './cpu-loop.ts';
import type { Fault } from './fault.ts';
import { logStorm } from './log-storm.ts';
import { memoryLeak } from './memory-leak.ts';
import { poolTooSmall } from './pool-too-small.ts';
import { providerOutage } from './provider-outage.ts';
import { slowQuery } from './slow-query.ts';

export type { Fault } from './fault.ts';

export const faults: readonly Fault[] = [
  badRelease,
  slowQuery,
  poolTooSmall,
  cpuLoop,
  memoryLeak,
  providerOutage,
  logStorm,
];

export const faultNamed = (name: string): Fault | undefined => faults.find((fault) => fault.name === name);
