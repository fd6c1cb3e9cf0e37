/**
 * The project's own checks without YAML and without judging their form: `npm run reference` writes them into one file. A
 * command that answers in a second must not spend a tenth of it on reading a hundred files.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Indicator } from './schema.ts';

const path = join(import.meta.dirname, '../../../catalog/compiled/checks.json');
const flags = 'iu';

/** One check a line, so that a change is seen in a diff; expressions as their source. */
export const compileIndicators = (indicators: readonly Indicator[]): string =>
  `[\n${indicators
    .map((indicator) =>
      JSON.stringify(indicator, (_, value) => (value instanceof RegExp ? value.source : value)),
    )
    .join(',\n')}\n]\n`;

type Plain<Value> = Value extends RegExp
  ? string
  : Value extends (infer Item)[]
    ? Plain<Item>[]
    : Value extends object
      ? { [Key in keyof Value]: Plain<Value[Key]> }
      : Value;

export function reviveIndicators(text: string): Indicator[] {
  const plain = JSON.parse(text) as Plain<Indicator>[];
  return plain.map((indicator) => ({ ...indicator, reads: indicator.reads.map(revived) }));
}

/** The checks of `catalog/checks`. */
export const builtInIndicators = (): Indicator[] => reviveIndicators(readFileSync(path, 'utf8'));

const expressions = (sources: readonly string[]): RegExp[] =>
  sources.map((source) => new RegExp(source, flags));

function revived(reading: Plain<Indicator['reads'][number]>): Indicator['reads'][number] {
  if ('logs' in reading) return { ...reading, logs: expressions(reading.logs) };
  if ('events' in reading) return { ...reading, events: expressions(reading.events) };
  if ('measure' in reading) return reading;
  const labels = Object.entries(reading.labels).map(([key, source]) => [key, new RegExp(source, flags)]);
  return { ...reading, labels: Object.fromEntries(labels) as Record<string, RegExp> };
}
