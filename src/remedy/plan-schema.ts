import { Ajv2020 } from 'ajv/dist/2020.js';
import { ClewError } from '../lib/index.ts';
import { type ChangePlan, stepActions } from '../model/index.ts';

const step = {
  type: 'object',
  required: ['action', 'timeout_s', 'retry'],
  properties: {
    action: { enum: [...stepActions] },
    title: { type: 'string' },
    params: { type: 'object' },
    timeout_s: { type: 'integer', minimum: 10, maximum: 3600 },
    retry: { type: 'integer', minimum: 0, maximum: 3 },
  },
} as const;

/**
 * The contract of a plan, whoever made it (source 004, "AI-driven OPS agent", 6.1): the source's schema with
 * `http.request` among the actions and the inside of `rollback` and `verify` said where the source leaves them open.
 */
export const changePlanSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'ChangePlan',
  type: 'object',
  required: ['title', 'steps', 'rollback', 'verify'],
  properties: {
    title: { type: 'string', minLength: 1, maxLength: 300 },
    risk_score: { type: 'number', minimum: 0, maximum: 1 },
    steps: { type: 'array', minItems: 1, maxItems: 50, items: step },
    rollback: {
      type: 'object',
      properties: {
        steps: {
          type: 'array',
          maxItems: 50,
          items: {
            ...step,
            properties: { ...step.properties, compensates: { type: 'integer', minimum: 0 } },
          },
        },
      },
    },
    verify: {
      type: 'object',
      properties: {
        objectives: { type: 'array', maxItems: 200, items: { type: 'string' } },
        window_s: { type: 'integer', minimum: 0, maximum: 3600 },
        deadline_s: { type: 'integer', minimum: 1, maximum: 86400 },
        thresholds: {
          type: 'array',
          maxItems: 50,
          items: {
            type: 'object',
            required: ['source', 'resource', 'metric', 'op', 'value'],
            properties: {
              source: { enum: ['metric_1m', 'service_call_5m'] },
              resource: { type: 'string' },
              metric: { type: 'string' },
              op: { enum: ['<=', '>='] },
              value: { type: 'number' },
            },
          },
        },
      },
    },
    source: { type: 'object' },
  },
} as const;

const validate = new Ajv2020({ allErrors: true, strict: false }).compile<ChangePlan>(changePlanSchema);

/** The plan as it is stored, or `unprocessable` naming every field that breaks the contract. */
export function parsePlan(value: unknown): ChangePlan {
  if (validate(value))
    return {
      ...value,
      // A plan that does not say how risky it is counts as risky.
      risk_score: value.risk_score ?? 1,
      steps: value.steps.map((each) => ({ ...each, params: each.params ?? {} })),
      rollback: {
        ...value.rollback,
        steps: (value.rollback.steps ?? []).map((each) => ({ ...each, params: each.params ?? {} })),
      },
    };
  const problems = (validate.errors ?? []).map(
    (error) => `${error.instancePath || '(plan)'} ${error.message ?? 'is not valid'}`,
  );
  throw new ClewError('unprocessable', `The plan breaks its schema: ${problems.slice(0, 20).join('; ')}.`, {
    details: { problems: problems.slice(0, 50) },
  });
}
