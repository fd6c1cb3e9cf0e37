import type { StepAction } from '../../model/index.ts';

export interface StepContext {
  caseId: string;
  /** The same for every attempt of a step: receivers that honour it apply a repeated attempt once. */
  idempotencyKey: string;
  /** Aborts at the step's timeout and when the program stops. */
  signal: AbortSignal;
}

export interface AdapterResult {
  ok: boolean;
  /** Bounded; secrets masked. */
  output: Record<string, unknown>;
  error?: string;
  /** What was there before, from which the executor builds compensation when the plan has none. */
  undo?: Record<string, unknown>;
}

/**
 * One way to act on the world. `check` says without acting what is wrong with the parameters (also a target that the
 * allow lists don't hold); `run` acts, never throws for an expected failure, and ends soon after the signal aborts.
 */
export interface Adapter {
  readonly action: StepAction;
  check(params: Record<string, unknown>): string[];
  /** What is known before acting and must survive a crash while acting. */
  prepare?(params: Record<string, unknown>): Record<string, unknown> | undefined;
  run(params: Record<string, unknown>, context: StepContext): Promise<AdapterResult>;
  /** Parameters of the same action that restore `undo`. */
  compensation?(
    params: Record<string, unknown>,
    undo: Record<string, unknown>,
  ): Record<string, unknown> | undefined;
}
