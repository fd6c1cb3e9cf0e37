import type { DetailStore } from '../detail/index.ts';
import type { Ledger } from '../ledger/index.ts';
import type { Clock, Logger } from '../lib/index.ts';
import type { Job } from './job.ts';
import { ledgerMaintenance } from './maintenance.ts';
import { ooAgg } from './oo-agg.ts';
import { patternDaily } from './pattern/daily.ts';
import { patternRestart } from './pattern/restart.ts';
import { patternWatch, type WatchConfig } from './pattern/watch.ts';
import { Scheduler, type SchedulerConfig } from './scheduler.ts';

export interface RollupOptions {
  ledger: Ledger;
  detail: DetailStore;
  config: { delayS: number; alignS: number; initialLookbackS: number } & Partial<SchedulerConfig>;
  patterns: WatchConfig;
  tenants: () => Promise<readonly string[]>;
  clock: Clock;
  log: Logger;
  /** Names this process in the job ledger; a new id at every start. */
  worker: string;
  /** Jobs of other rooms, run beside the built-in ones. */
  jobs?: readonly Job[];
}

export type Rollup = Pick<Scheduler, 'start' | 'stop' | 'tick' | 'replay' | 'probe' | 'jobs' | 'config'>;

/** The scheduler with the built-in jobs; `start()` lets it run. */
export const createRollup = (options: RollupOptions): Rollup =>
  new Scheduler({
    ...options,
    jobs: [
      ooAgg(options),
      ...patternJobs(options),
      ledgerMaintenance(options.ledger),
      ...(options.jobs ?? []),
    ],
  });

const patternJobs = (options: RollupOptions) => [
  patternWatch(options),
  patternDaily(options.ledger),
  patternRestart(options),
];
