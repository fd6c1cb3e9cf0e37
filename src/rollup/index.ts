/**
 * rollup — the window scheduler and the near-line jobs: details of a minute become rows of the ledger (metrics per
 * minute, calls and log patterns per five minutes, locators back to the raw rows).
 *
 * Contract: every (job, tenant, window) is run once, recorded in `etl_job_run`; a window may be run again at any time
 * (crash, replay, late rows) and then overwrites what it wrote. Its result and its success are one transaction, which only
 * the present holder of its lease can end. Windows end `delay` behind now; rows that come later open theirs again. A window
 * that keeps failing is retried with growing pauses; a job that keeps failing for a tenant is paused by its circuit. Fresh
 * windows go first, and no tenant waits for another. Bounds on series, patterns and edges are named constants, and what they
 * leave out is counted in the run.
 * What never happens here: live detection (it reads the detail store directly), writing to the detail store, changing
 * a case.
 */

export { type CallRow, callEdgesMax, calleeOf, callerOf, callsQuery, unknownCaller } from './calls.ts';
export type { Job, JobContext, JobResult, Tenant } from './job.ts';
export { ledgerMaintenance } from './maintenance.ts';
export { derivedMetrics, type ServiceRow, servicesQuery } from './metrics.ts';
export { bucketMs, ooAgg } from './oo-agg.ts';
export { createRollup, type Rollup, type RollupOptions } from './open.ts';
export { heldShapes } from './pattern/assign.ts';
export { type Asked, createPatternBook, type PatternBook } from './pattern/book.ts';
export { type CompareState, type Comparison, comparePatterns } from './pattern/compare.ts';
export { type Correction, correctionKinds } from './pattern/corrections.ts';
export { listPatternEvents, type PatternEventRow } from './pattern/events.ts';
export {
  type PatternDetail,
  type PatternFacts,
  patternDetail,
  patternFacts,
  searchPatterns,
} from './pattern/read.ts';
export { type NamedSetup, type PatternSetup, plainSetup } from './pattern/setup.ts';
export { type ShapeSample, shapeSamples } from './pattern/shapes.ts';
export { type AccessStatus, accessStates, flows } from './pattern/status.ts';
export type { WatchConfig } from './pattern/watch.ts';
export { patientLookup, patternLookup } from './pattern-lookup.ts';
export { type WindowClass, windowClasses } from './priority.ts';
export { findTenant, knownTenants, listRuns, noSuchTenant, type RunFilter } from './runs.ts';
export { loadSources, type Sources } from './source/index.ts';
export { jobHistory, jobStatuses } from './status.ts';
export { type ResourceRow, upsertLocators, upsertResources } from './write.ts';
