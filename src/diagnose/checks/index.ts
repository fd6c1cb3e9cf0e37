import { changes } from './changes.ts';
import type { Check } from './check.ts';
import { cpu } from './cpu.ts';
import { dependencies } from './dependencies.ts';
import { errorOrigin } from './error-origin.ts';
import { errorRate } from './error-rate.ts';
import { logPatterns, logVolume } from './logs.ts';
import { memory } from './memory.ts';
import { network } from './network.ts';
import { ownTime } from './own-time.ts';
import { pool } from './pool.ts';
import { responseTime } from './response-time.ts';
import { statements } from './statements.ts';
import { throughput } from './throughput.ts';
import { versions } from './versions.ts';

/** The walk, in the order of the layers. */
export const checks: readonly Check[] = [
  errorRate,
  responseTime,
  throughput,
  ownTime,
  versions,
  logPatterns,
  logVolume,
  errorOrigin,
  dependencies,
  pool,
  changes,
  network,
  cpu,
  memory,
  statements,
];
export type { Check, EvidenceDraft, Hit, Outcome } from './check.ts';
