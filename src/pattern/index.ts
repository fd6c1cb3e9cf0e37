/**
 * pattern — templates of log messages: the constant part of a message, with `<*>` where a value stood.
 *
 * Contract: pure and deterministic; the same set of samples gives the same templates in whatever order they come, with
 * one built-in configuration for every system. Work is bounded: a message is looked at up to `messageCharsMax`
 * characters and `tokensMax` tokens.
 * What never happens here: I/O, reading a clock, ids (the ledger names patterns), knowledge of a particular product.
 */
export { type BatchTemplate, type MinedBatch, PatternBatch, templateId } from './batch.ts';
export { type MinedTemplate, type Mining, mineTemplates, type PatternSample, templateOf } from './mine.ts';
export { messageCharsMax, wildcard } from './tokens.ts';
