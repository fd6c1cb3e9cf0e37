/**
 * rollup — the window scheduler and the near-line jobs: details of a minute become rows of the ledger (metrics per
 * minute, calls and log patterns per five minutes, locators back to the raw rows).
 *
 * Contract: every (job, tenant, window) is run once, recorded in `etl_job_run`; a window may be run again at any time
 * (crash, replay) and then overwrites what it wrote. Windows end `delay` behind now, so late records are in them. A
 * window that keeps failing is retried with growing pauses; a job that keeps failing is paused by its circuit. Bounds on
 * series, patterns and edges are named constants, and what they leave out is counted in the run.
 * What never happens here: live detection (it reads the detail store directly), writing to the detail store, changing
 * a case.
 */

export { type CallRow, callEdgesMax, calleeOf, callsQuery } from './calls.ts';
export type { Job, JobContext, JobResult, Tenant } from './job.ts';
export { ledgerMaintenance } from './maintenance.ts';
export { derivedMetrics, type ServiceRow, servicesQuery } from './metrics.ts';
export { bucketMs, callFilter, ooAgg } from './oo-agg.ts';
export { createRollup, type Rollup, type RollupOptions } from './open.ts';
export { patternLookup } from './pattern-lookup.ts';
export { findTenant, listRuns, type RunFilter, type RunRow, runStates } from './runs.ts';
export { type ResourceRow, upsertLocators, upsertResources } from './write.ts';
