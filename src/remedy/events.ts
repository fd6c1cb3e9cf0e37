import { counter, histogram } from '../lib/index.ts';

export const adapterStepLatencySeconds = histogram(
  'adapter_step_latency_seconds',
  'Time of one attempt of one step.',
  ['action', 'status'],
  [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800],
);
export const verifyLatencySeconds = histogram(
  'verify_latency_seconds',
  'Time from the start of a verification to its result.',
  ['status'],
  [1, 5, 10, 30, 60, 120, 300, 900, 3600],
);
export const gateLatencySeconds = histogram(
  'gate_latency_seconds',
  'Time of one policy decision.',
  ['decision'],
  [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1],
);
export const planTotal = counter('plan_total', 'Plans asked for, by outcome.', ['outcome']);
export const scriptOutputDroppedBytesTotal = counter(
  'script_output_dropped_bytes_total',
  'Output of scripts beyond remedy.script_output_bytes_max.',
);
