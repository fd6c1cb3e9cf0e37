import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { ClewError } from '../lib/index.ts';
import { causeKinds, layers, stepActions } from '../model/index.ts';
import { type CatalogFile, readCatalog } from './catalog.ts';

const id = /^[a-z0-9][a-z0-9._-]{0,99}$/;

const stepBase = z.strictObject({
  action: z.enum(stepActions),
  title: z.string().min(1).max(200).optional(),
  params: z.record(z.string(), z.unknown()).default({}),
  // The bounds of the source's JSON Schema, so that a playbook that loads also makes a valid plan.
  timeout_s: z.number().int().min(10).max(3_600).default(30),
  retry: z.number().int().min(0).max(3).default(0),
});

const stepSchema = z.strictObject({ ...stepBase.shape, rollback: stepBase.optional() });

const texts = z.union([z.string(), z.array(z.string()).min(1)]);

const thresholdSchema = z.strictObject({
  source: z.enum(['metric_1m', 'service_call_5m']),
  resource: z.string().min(1),
  metric: z.string().min(1),
  op: z.enum(['<=', '>=']),
  value: z.number(),
});

const playbookSchema = z.strictObject({
  id: z.string().regex(id),
  title: z.string().min(1).max(200),
  description: z.string().optional(),
  /** Empty: never chosen for a cause, only by name as a template. */
  causes: z.array(z.enum(causeKinds)).default([]),
  match: z
    .strictObject({
      service: texts.optional(),
      layer: z.union([z.enum(layers), z.array(z.enum(layers)).min(1)]).optional(),
      /** URN or the beginning of one that ends in `*`. */
      resource: texts.optional(),
      /** Fact name to its value; `*` asks only that it is there. */
      facts: z.record(z.string(), texts).optional(),
    })
    .default({}),
  /** When a rule should start it by itself; kept for the operations catalogue. */
  trigger: z.string().optional(),
  priority: z.number().int().default(0),
  risk_score: z.number().min(0).max(1),
  /** Values for `${params.name}`; a request may give others. */
  params: z.record(z.string().regex(/^[a-z][a-z0-9_]*$/), z.string()).default({}),
  steps: z.array(stepSchema).min(1).max(50),
  verify: z.strictObject({
    /** `broken` stands for the objectives whose signals opened the case. */
    objectives: z.array(z.string().min(1)).default([]),
    thresholds: z.array(thresholdSchema).default([]),
    window_s: z.number().int().min(0).max(3_600).optional(),
    deadline_s: z.number().int().min(1).max(86_400).optional(),
  }),
});

export type Playbook = z.infer<typeof playbookSchema>;

/** One playbook, or a `bad_request` that names file and field. */
export function parsePlaybook(file: Pick<CatalogFile, 'path' | 'text'>): Playbook {
  let tree: unknown;
  try {
    tree = parseYaml(file.text);
  } catch (cause) {
    throw new ClewError(
      'bad_request',
      `Playbook ${file.path} is not YAML: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
  const parsed = playbookSchema.safeParse(tree);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    (issue) => `${issue.path.join('.') || '(top level)'}: ${issue.message}`,
  );
  throw new ClewError('bad_request', `Playbook ${file.path} is not valid: ${problems.join('; ')}`, {
    details: { file: file.path, problems },
  });
}

/** All playbooks by id; one id in two files is an error, a file of the same name overrides. */
export function loadPlaybooks(dirs: readonly string[]): Map<string, Playbook> {
  const found = new Map<string, Playbook>();
  const paths = new Map<string, string>();
  for (const file of readCatalog('playbooks', dirs, /\.ya?ml$/)) {
    const playbook = parsePlaybook(file);
    const other = paths.get(playbook.id);
    if (other !== undefined)
      throw new ClewError(
        'bad_request',
        `Playbook id ${playbook.id} is used by ${other} and ${file.path}. Rename one, or give both files the same name to override.`,
      );
    paths.set(playbook.id, file.path);
    found.set(playbook.id, playbook);
  }
  return found;
}
