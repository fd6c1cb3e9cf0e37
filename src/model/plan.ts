/** A step of a change plan (source 004 chapter 6.1). */
export const stepActions = ['k8s.rollout', 'script.exec', 'gateway.flip', 'http.request', 'noop'] as const;
export type StepAction = (typeof stepActions)[number];

export interface PlanStep {
  action: StepAction;
  title?: string;
  params: Record<string, unknown>;
  timeout_s: number;
  /** Further attempts after the first. */
  retry: number;
}

/** A bound on a ledger series: the newest value within the window must satisfy it. */
export interface PlanThreshold {
  source: 'metric_1m' | 'service_call_5m';
  /** URN of the resource; for calls the callee. */
  resource: string;
  /** `metric_1m`: the metric's name, read as p95 where it has one, else average. Calls: rps, err_rate, p50_ms, p95_ms. */
  metric: string;
  op: '<=' | '>=';
  value: number;
}

/** What must hold again: objectives by id, and thresholds on the ledger's series. Neither: no signal may be active. */
export interface PlanVerify {
  window_s: number;
  /** Give up when it does not hold within this time after execution. */
  deadline_s: number;
  objectives: string[];
  thresholds?: PlanThreshold[];
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
