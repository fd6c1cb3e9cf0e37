/**
 * remedy — from a verdict to a verified repair: playbooks become plans, policies and people approve them, adapters run
 * the steps, the objectives that broke prove the result, and what does not work is taken back.
 *
 * Contract: every step of the way is on record before and after it happens, so a killed process takes up where it was;
 * nothing runs that the gate did not approve; programs and addresses outside the allow lists are never reached.
 * What never happens here: a shell, a state change past the orchestrator, a model that approves, a plan that was made
 * up because no playbook fits.
 */
export { createRemedy, type Remedy, type RemedyDeps } from './create.ts';
export type { ExecRequest, StepResult } from './executor.ts';
export type { FreezeWindow } from './freeze.ts';
export { type Playbook, parsePlaybook } from './playbook.ts';
export type { ReadObjective } from './verifier.ts';
