/** A step of a change plan (source 004 chapter 6.1). */
export const stepActions = ['k8s.rollout', 'script.exec', 'gateway.flip', 'http.request', 'noop'] as const;
export type StepAction = (typeof stepActions)[number];

export interface PlanStep {
  action: StepAction;
  title?: string;
  params: Record<string, unknown>;
  timeout_s: number;
  retry: number;
}

/** What must hold again. Either an objective by id, or thresholds on indicators of a service. */
export interface PlanVerify {
  window_s: number;
  /** Give up when it does not hold within this time after execution. */
  deadline_s: number;
  objectives: string[];
}

/** The ChangePlan contract, field names as in the source's JSON Schema. */
export interface ChangePlan {
  title: string;
  risk_score: number;
  steps: PlanStep[];
  /** Compensation, run in reverse order of the steps that ran. */
  rollback: { steps: (PlanStep & { compensates?: number })[] };
  verify: PlanVerify | Record<string, unknown>;
  /** Which template made it, and for what. */
  source?: {
    template: string;
    cause_kind?: string;
    resource?: string;
    generated_by: 'template' | 'person' | 'model';
  };
}
