/**
 * model — the words of the house as types and pure functions: time windows, resources and their URNs, blocks of
 * columns on their way to the detail store, change events, signals, verdicts, plans, cases.
 *
 * Contract: pure; nothing here does I/O, reads a clock or imports another room.
 * What never happens here: SQL, HTTP, anything that can fail for a reason outside its arguments.
 */
export * from './alert.ts';
export * from './block.ts';
export * from './case.ts';
export * from './change.ts';
export * from './job-report.ts';
export * from './language.ts';
export * from './message.ts';
export * from './objective.ts';
export * from './plan.ts';
export * from './sentence.ts';
export * from './series-report.ts';
export * from './severity.ts';
export * from './signal.ts';
export * from './storage-report.ts';
export * from './time.ts';
export * from './urn.ts';
export * from './verdict.ts';
