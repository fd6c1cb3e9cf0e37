/**
 * pattern — templates of log messages: the constant part of a message, with `<*>` where a value stood.
 *
 * Contract: pure and deterministic; the same set of samples gives the same templates in whatever order they come, with
 * one built-in configuration for every system, and fit their messages. Work is bounded: a message is looked at up to
 * `messageCharsMax` characters and `tokensMax` tokens, a batch remembers up to `wordingsMax` wordings.
 * What never happens here: I/O, reading a clock, numbering of patterns (the ledger does), knowledge of a particular product.
 *
 * A message is cut into tokens, those into a form of constant and open slots; equal forms are a group, groups that differ
 * in words which are values are joined, and the template is read from the forms of a group:
 * tokens → form → merge → render; mine.ts holds it together, known.ts finds templates again, batch.ts takes many lines.
 */
export { type BatchTemplate, type MinedBatch, PatternBatch, templateId, wordingsMax } from './batch.ts';
export { type MinedTemplate, type Mining, mineTemplates, type PatternSample, templateOf } from './mine.ts';
export { messageCharsMax, wildcard } from './tokens.ts';
