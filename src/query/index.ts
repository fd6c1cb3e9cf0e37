/**
 * query — the named queries people explore with: logs and their histogram, facets and patterns, traces and their critical
 * path, services, changes, and the raw rows behind a piece of evidence.
 *
 * Contract: every query is a value with tenant and window, its values bound as parameters; answers are typed and carry what
 * they cost. Lists are bounded and newest first. What other rooms know (templates of shapes, live figures, open signals) is
 * handed in as functions.
 * What never happens here: HTTP, writing, a user's text inside SQL, deciding whether something is wrong.
 */

export { listChanges } from './changes.ts';
export { addStatistics, inSignalWindow } from './clause.ts';
export { criticalPath, type PathSpan } from './critical-path.ts';
export {
  groupLetters,
  type LetterFilter,
  type LetterGroup,
  type LetterRow,
  listLetters,
  readLetters,
  unsettledLetters,
} from './dead-letters.ts';
export { eventEvidence, worstDependencies } from './dependencies.ts';
export { type Facet, type LogFacets, logFacets } from './facets.ts';
export {
  type FlowFilter,
  type FlowGroup,
  type FlowOrder,
  type FlowRow,
  flowGroups,
  flowOrders,
  listFlows,
  type TopFlow,
  topFlows,
} from './flows.ts';
export { heaviestOf, heaviestValues, weights } from './heaviest.ts';
export { type LogHistogram, logHistogram } from './histogram.ts';
export { type EvidenceSource, evidenceSource, locatorFilter } from './locator.ts';
export type { AttributeFilter, LogFilter } from './log-filter.ts';
export { type LogPattern, type LogPatterns, logPatterns } from './log-patterns.ts';
export { type LogPage, type LogRow, logsOfTrace, searchLogs } from './logs.ts';
export { type RawRow, readRows, rowFilterQuery, rowFilterSchema } from './row-filter.ts';
export { parseSearch, type SearchTerm } from './search.ts';
export {
  type ObjectivesOf,
  type OpenSignals,
  type ServiceHealth,
  type ServiceObjective,
  type ServiceOverview,
  type ServiceSummary,
  sqlServices,
  withObjectives,
  withSignals,
} from './services.ts';
export { type DetailTableUse, detailUse } from './storage.ts';
export {
  type PatternLookup,
  patternIdOf,
  type ShapesOf,
  shapePatternId,
  shapesOfPattern,
  type Template,
  type TemplatesOf,
} from './templates.ts';
export { readTrace, type Trace, type TraceSpan } from './trace.ts';
export { searchTraces, type TraceFilter, type TraceSummary } from './traces.ts';
export { bucketsOf, checkWindow } from './window.ts';
