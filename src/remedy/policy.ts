import {
  type EntityJson,
  isAuthorized,
  policySetTextToParts,
  policyToJson,
  validate,
} from '@cedar-policy/cedar-wasm/nodejs';
import { ClewError } from '../lib/index.ts';
import { type CatalogFile, readCatalog } from './catalog.ts';

/**
 * What policies may speak of. Policies are checked against it when they are loaded, so a misspelt attribute is an
 * error at start and not a rule that silently never applies.
 */
const schema = `
entity Role;
entity Actor in [Role];
entity Plan;
action approve, reject, execute appliesTo {
  principal: [Actor],
  resource: [Plan],
  context: {
    risk: decimal,
    confidence: decimal,
    blast_radius: Long,
    steps: Long,
    actions: Set<String>,
    environment: String,
    severity: String,
    service: String,
    resource: String,
    cause_kind: String,
    verdict: String,
    template: String,
    generated_by: String,
    requested_by_person: Bool,
    failed_before: Long,
    frozen: Bool,
    emergency: Bool,
    ad_hoc: Bool,
    weekday: Long,
    hour: Long,
  }
};`;

/** The context of a decision, as stored beside it; ratios are plain numbers here and decimals in Cedar. */
export interface PolicyInputs {
  risk: number;
  confidence: number;
  blast_radius: number;
  steps: number;
  actions: string[];
  environment: string;
  severity: string;
  service: string;
  resource: string;
  cause_kind: string;
  verdict: string;
  template: string;
  generated_by: string;
  requested_by_person: boolean;
  /** Repairs of the same kind on the same resource that failed within the last hour. */
  failed_before: number;
  frozen: boolean;
  emergency: boolean;
  /** A single step that a person gave, instead of the plan's. */
  ad_hoc: boolean;
  /** UTC; 0 is Sunday. */
  weekday: number;
  hour: number;
}

export type PolicyAction = 'approve' | 'reject' | 'execute';

export interface PolicyAnswer {
  allowed: boolean;
  /** A `forbid` decided, as opposed to no `permit` being there. */
  forbidden: boolean;
  policies: string[];
  reasons: string[];
}

interface Policy {
  text: string;
  reason: string;
}

export class Policies {
  readonly #policies: ReadonlyMap<string, Policy>;

  constructor(files: readonly Pick<CatalogFile, 'path' | 'text'>[]) {
    const policies = new Map<string, Policy>();
    // A later file's policy replaces an earlier one with the same id.
    for (const file of files) for (const [id, policy] of partsOf(file)) policies.set(id, policy);
    this.#policies = policies;
  }

  get ids(): string[] {
    return [...this.#policies.keys()];
  }

  decide(
    actor: { name: string; roles: readonly string[] },
    action: PolicyAction,
    planId: string,
    inputs: PolicyInputs,
  ): PolicyAnswer {
    const principal = { type: 'Actor', id: actor.name };
    const roles = actor.roles.map((id) => ({ type: 'Role', id }));
    const entities: EntityJson[] = [
      { uid: principal, attrs: {}, parents: roles },
      ...roles.map((uid) => ({ uid, attrs: {}, parents: [] })),
    ];
    const answer = isAuthorized({
      principal,
      action: { type: 'Action', id: action },
      resource: { type: 'Plan', id: planId },
      context: { ...inputs, risk: decimal(inputs.risk), confidence: decimal(inputs.confidence) },
      policies: {
        staticPolicies: Object.fromEntries([...this.#policies].map(([id, { text }]) => [id, text])),
      },
      entities,
    });
    if (answer.type === 'failure')
      throw new ClewError('internal', 'The policies could not be evaluated.', {
        cause: answer.errors.map((error) => error.message),
      });
    const { decision, diagnostics } = answer.response;
    const policies = [...diagnostics.reason].sort();
    const broken = diagnostics.errors.map((error) => `${error.policyId} failed: ${error.error.message}`);
    return {
      // A policy that can't be evaluated might have been the one that forbids.
      allowed: decision === 'allow' && broken.length === 0,
      forbidden: decision === 'deny' && policies.length > 0,
      policies,
      reasons: [...policies.map((id) => this.#policies.get(id)?.reason ?? id), ...broken],
    };
  }
}

/** Cedar decimals hold four digits. */
const decimal = (value: number) => ({ __extn: { fn: 'decimal', arg: value.toFixed(4) } });

function partsOf(file: Pick<CatalogFile, 'path' | 'text'>): [string, Policy][] {
  const parts = policySetTextToParts(file.text);
  if (parts.type === 'failure') throw unreadable(file.path, parts.errors);
  if (parts.policy_templates.length > 0)
    throw new ClewError('bad_request', `Policy ${file.path} holds a template; write it out as a policy.`);
  return parts.policies.map((text) => {
    const json = policyToJson(text);
    if (json.type === 'failure') throw unreadable(file.path, json.errors);
    const id = json.json.annotations?.id;
    if (!id)
      throw new ClewError('bad_request', `A policy in ${file.path} has no @id("…"): ${text.slice(0, 120)}`);
    check(file.path, id, text);
    return [id, { text, reason: json.json.annotations?.reason ?? id }];
  });
}

function check(path: string, id: string, text: string): void {
  const checked = validate({ schema, policies: { staticPolicies: { [id]: text } } });
  if (checked.type === 'failure') throw unreadable(path, checked.errors);
  const [problem] = checked.validationErrors;
  if (problem)
    throw new ClewError('bad_request', `Policy ${id} in ${path} is not valid: ${problem.error.message}`);
}

const unreadable = (path: string, errors: readonly { message: string }[]): ClewError =>
  new ClewError(
    'bad_request',
    `Policy ${path} can't be read: ${errors.map((each) => each.message).join('; ')}`,
  );

export const loadPolicies = (dirs: readonly string[]): Policies =>
  new Policies(readCatalog('policies', dirs, /\.cedar$/));
