import type { Arrivals, DetailStore } from '../detail/index.ts';
import type { Ledger } from '../ledger/index.ts';
import type { Clock, Logger } from '../lib/index.ts';
import type { Job } from './job.ts';
import { lateWatch } from './late.ts';
import { ledgerMaintenance } from './maintenance.ts';
import { ooAgg } from './oo-agg.ts';
import { patternDaily } from './pattern/daily.ts';
import { patternRestart } from './pattern/restart.ts';
import { patternWatch, type WatchConfig } from './pattern/watch.ts';
import { Scheduler, type SchedulerConfig } from './scheduler.ts';
import type { Sources } from './source/index.ts';

export interface RollupOptions {
  ledger: Ledger;
  /** Without `arrivals` no window is opened again for late rows. */
  detail: DetailStore & { arrivals?: Arrivals };
  config: {
    delayS: number;
    alignS: number;
    initialLookbackS: number;
    latenessS?: number;
  } & Partial<SchedulerConfig>;
  patterns: WatchConfig;
  /** Where each tenant's details are; in the detail store without it. */
  sources?: Sources;
  tenants: () => Promise<readonly string[]>;
  clock: Clock;
  log: Logger;
  /** Names this process in the job ledger; a new id at every start. */
  worker: string;
  /** Jobs of other rooms, run beside the built-in ones. */
  jobs?: readonly Job[];
}

export type Rollup = Pick<Scheduler, 'start' | 'stop' | 'tick' | 'replay' | 'probe' | 'jobs' | 'config'>;

const patternJobs = (options: RollupOptions) => [
  patternWatch(options),
  patternDaily(options.ledger),
  patternRestart(options),
];

/** The scheduler with the built-in jobs; `start()` lets it run. */
export function createRollup(options: RollupOptions): Rollup {
  const { ledger, clock, config } = options;
  const { arrivals } = options.detail;
  const jobs = [ooAgg(options), ...patternJobs(options), ledgerMaintenance(ledger), ...(options.jobs ?? [])];
  const latenessMs = (config.latenessS ?? 0) * 1_000;
  const late = arrivals && { lookForLate: lateWatch({ ledger, arrivals, jobs, clock, latenessMs }) };
  return new Scheduler({ ...options, jobs, ...late });
}
