/**
 * operate — keeping Clew itself healthy: health by namespace with a suggestion for each trouble, readiness, self-metrics.
 *
 * Contract: a health source reports numbers and never throws for its own trouble; a source that hangs is reported as
 * failing after its time is up. Readiness looks at queue age and lag, not at liveness alone.
 * What never happens here: repairing, restarting, reading a store directly.
 */

export { cardinalitySource } from './cardinality.ts';
export { makeDataDir } from './data-dir.ts';
export { flowSource } from './flows.ts';
export { doorSource, greyFailures } from './grey.ts';
export {
  createHealth,
  type Health,
  type HealthMetric,
  type HealthReport,
  type HealthSource,
  type NamespaceReport,
} from './health.ts';
export { createIntake, type Intake, type IntakeReport, type IntakeStep } from './intake.ts';
export { rollupSource } from './jobs.ts';
export { formatFindings, type LintFormat, lintFormats } from './lint/format.ts';
export { type Finding, lintText } from './lint/lint.ts';
export { type LintRules, type LintSeverity, lintSeverities, loadLintRules } from './lint/rules.ts';
export { processSource } from './process.ts';
export { lockRoles } from './role-locks.ts';
export { scrapeSource } from './scrape.ts';
export {
  createStorage,
  type Storage,
  type StorageReport,
} from './storage.ts';
export { busSource, detailSource, ledgerSource } from './stores.ts';
export { syslogSource } from './syslog.ts';
