import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { ClewError } from '../../lib/index.ts';

export const lintSeverities = ['info', 'warning', 'error'] as const;
export type LintSeverity = (typeof lintSeverities)[number];

const expression = z.string().transform((text, context) => {
  try {
    return new RegExp(text, 'u');
  } catch (error) {
    context.addIssue({
      code: 'custom',
      message: error instanceof Error ? error.message : 'not an expression',
    });
    return z.NEVER;
  }
});
const severity = z.enum(lintSeverities);

const labelRule = z.strictObject({
  id: z.string().min(1),
  name: expression,
  except: expression.optional(),
  severity,
  why: z.string(),
  instead: z.string(),
});
const place = z.strictObject({
  id: z.string().min(1),
  becomes: z.string(),
  at: z.string().transform((text) => text.split('/')),
  take: z.enum(['keys', 'items', 'value', 'words', 'relabel', 'flag']),
  equals: z.string().optional(),
  where: z.record(z.string(), expression).optional(),
  severity: severity.optional(),
  instead: z.string().optional(),
});
const secretRule = z
  .strictObject({
    id: z.string().min(1),
    name: expression.optional(),
    value: expression.optional(),
    severity,
    instead: z.string(),
  })
  .refine((rule) => (rule.name === undefined) !== (rule.value === undefined), {
    message: 'give either name or value',
  });

const files = {
  'labels.yaml': z.strictObject({ labels: z.array(labelRule) }),
  'places.yaml': z.strictObject({ places: z.array(place) }),
  'secrets.yaml': z.strictObject({ secrets: z.array(secretRule), reference: expression }),
} as const;

export type LabelRule = z.infer<typeof labelRule>;
export type Place = z.infer<typeof place>;
export type SecretRule = z.infer<typeof secretRule>;
export interface LintRules {
  labels: LabelRule[];
  places: Place[];
  secrets: SecretRule[];
  /** Values that only point at a secret. */
  reference: RegExp;
}

/** The rules of catalogue directories; those of later ones stand before those of earlier ones, and win. */
export function loadLintRules(catalogDirs: readonly string[]): LintRules {
  const rules: LintRules = { labels: [], places: [], secrets: [], reference: /^$/ };
  for (const dir of catalogDirs) {
    const labels = read(dir, 'labels.yaml');
    const places = read(dir, 'places.yaml');
    const secrets = read(dir, 'secrets.yaml');
    rules.labels = [...(labels?.labels ?? []), ...rules.labels];
    rules.places = [...(places?.places ?? []), ...rules.places];
    rules.secrets = [...(secrets?.secrets ?? []), ...rules.secrets];
    if (secrets !== undefined) rules.reference = secrets.reference;
  }
  return rules;
}

function read<Name extends keyof typeof files>(
  dir: string,
  name: Name,
): z.infer<(typeof files)[Name]> | undefined {
  const path = join(dir, 'lint', name);
  if (!existsSync(path)) return undefined;
  const parsed = files[name].safeParse(parse(readFileSync(path, 'utf8')));
  if (parsed.success) return parsed.data as z.infer<(typeof files)[Name]>;
  const [issue] = parsed.error.issues;
  throw new ClewError('bad_request', `${path}: ${issue?.path.join('.')}: ${issue?.message}`);
}
