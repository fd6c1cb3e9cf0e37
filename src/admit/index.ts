/**
 * admit — the door between receivers and the detail store: whose telemetry it is, whether there is room for it, and where
 * goes what nobody can read.
 *
 * Contract: `deliver` resolves when every block is durable; too much pending is `overloaded` (429) before anything is
 * stored; unreadable payloads become dead letters, bounded in size and rate, every one counted.
 * What never happens here: parsing of payloads, queries, waiting for the engine.
 */
export { type Admission, type AdmissionOptions, createAdmission, type DoorState } from './admission.ts';
export {
  type Cardinality,
  type CardinalityRule,
  createCardinality,
  type Offender,
  type TenantUse,
} from './cardinality.ts';
export { type Caller, Credentials, type CredentialsOptions } from './credentials.ts';
export { createDiskWatch } from './disk.ts';
export type { LetterState } from './letter-states.ts';
export {
  createLetters,
  type LetterOutcome,
  type LetterResult,
  type Letters,
  type LettersOptions,
  type StoredLetter,
} from './letters.ts';
export { createMasker } from './masking/masker.ts';
export { ownPatternProblem } from './masking/pattern-safety.ts';
export { loadMasking, type MaskingCatalog, type MaskingRule, parseMasking } from './masking/rules.ts';
export { type FormatConfig, type Formats, loadFormats } from './pipeline/formats.ts';
export { Pipeline, type StageTrace } from './pipeline/pipeline.ts';
export { Pipelines, type PipelineView } from './pipeline/pipelines.ts';
export { parsePipelines } from './pipeline/schema.ts';
export { sharedPipelinesFile } from './pipeline/shared.ts';
