/** The words of the validation plan: what is checked, under which of its criteria, and what came out. */

/** The dimensions by which the plan judges (its chapter 6.6), and observability (6.5). */
export const dimensions = {
  write: 'Write path',
  correct: 'Data correctness',
  resources: 'System resources',
  queries: 'Query performance',
  exceptions: 'Exceptions and recovery',
  observability: 'Observability and alerts',
} as const;
export type Dimension = keyof typeof dimensions;

export interface Check {
  dimension: Dimension;
  /** Chapter of the plan. */
  chapter: string;
  criterion: string;
  limit: string;
  measured: string;
  passed: boolean;
  /** How it was measured, in one sentence. */
  how: string;
}

export interface ValidationResult {
  format: 'clew.bench.validate.v1';
  at: string;
  quick: boolean;
  phases: string[];
  machine: { cpu: string; cores: number; memoryBytes: number; node: string };
  seconds: number;
  checks: Check[];
}

export const milliseconds = (value: number): string =>
  value >= 10_000
    ? `${(value / 1000).toFixed(1)} s`
    : `${value >= 100 ? value.toFixed(0) : value.toFixed(1)} ms`;
export const percent = (share: number): string => `${Number((share * 100).toFixed(2))} %`;
export const count = (value: number): string => Math.round(value).toLocaleString('en');
