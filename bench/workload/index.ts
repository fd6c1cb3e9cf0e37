/** The workloads by name, and how each shares its connections among signals. */
import { logs } from './logs.ts';
import { samples } from './samples.ts';
import { spans } from './spans.ts';
import type { Signal, SignalWorkload } from './template.ts';

export type { RequestTemplate, Signal, SignalWorkload } from './template.ts';

export const signals: Record<Signal, SignalWorkload> = { logs, spans, samples };

export interface Share {
  signal: Signal;
  /** How many of every `weights' sum` connections send it. */
  weight: number;
  /** Records in one request, where the command line does not say. */
  records: number;
}

export const workloads: Record<string, readonly Share[]> = {
  logs: [{ signal: 'logs', weight: 1, records: 2_000 }],
  'logs-small': [{ signal: 'logs', weight: 1, records: 50 }],
  spans: [{ signal: 'spans', weight: 1, records: 2_000 }],
  samples: [{ signal: 'samples', weight: 1, records: 2_000 }],
  mixed: [
    { signal: 'logs', weight: 4, records: 2_000 },
    { signal: 'spans', weight: 2, records: 2_000 },
    { signal: 'samples', weight: 2, records: 2_000 },
  ],
};
