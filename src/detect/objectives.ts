import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { ClewError } from '../lib/index.ts';
import { type Indicator, indicators, type Objective } from '../model/index.ts';

/** Files of one catalogue directory and objectives of one file: more is a mistake, not a catalogue. */
const filesMax = 500;
const objectivesMax = 1_000;

/** An objective as written: for one service or all (`*`), against a fixed target or the service's own baseline. */
export interface ObjectiveRule {
  service: string;
  indicator: Indicator;
  target: number | null;
  baseline: { factor: number; floor: number } | null;
  budgetWindowS: number;
  burn: Objective['burn'];
  source: string;
}

const ratio = new Set<Indicator>(['availability', 'error_rate']);
const ruleSchema = z
  .strictObject({
    service: z.string().min(1).max(200),
    indicator: z.enum(indicators),
    target: z.number().finite().min(0).optional(),
    baseline: z
      .strictObject({ factor: z.number().positive(), floor: z.number().min(0).default(0) })
      .optional(),
    budget_window_s: z.number().int().min(60).max(2_592_000).default(3_600),
    burn: z
      .array(
        z
          .strictObject({
            long_s: z.number().int().min(10).max(3_500),
            short_s: z.number().int().min(5).max(3_500),
            rate: z.number().positive(),
          })
          .refine((pair) => pair.short_s <= pair.long_s, {
            path: ['short_s'],
            message: 'must not be longer than long_s',
          }),
      )
      .min(1)
      .max(8),
  })
  .superRefine((rule, context) => {
    if ((rule.target === undefined) === (rule.baseline === undefined)) {
      context.addIssue({ code: 'custom', path: ['target'], message: 'give either target or baseline' });
    }
    if (ratio.has(rule.indicator) && rule.target !== undefined && rule.target > 1) {
      context.addIssue({
        code: 'custom',
        path: ['target'],
        message: `is a ratio between 0 and 1 for ${rule.indicator}`,
      });
    }
    if (rule.indicator === 'availability' && (rule.target === undefined || rule.target >= 1)) {
      context.addIssue({
        code: 'custom',
        path: ['target'],
        message: 'availability needs a fixed target below 1, else there is no error budget',
      });
    }
  });
const fileSchema = z.strictObject({ objectives: z.array(ruleSchema).max(objectivesMax) });

/** Parses one file; the error names file and field. */
export function parseObjectives(text: string, source: string): ObjectiveRule[] {
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    throw new ClewError(
      'unprocessable',
      `${source}: not YAML: ${error instanceof Error ? error.message : error}`,
    );
  }
  const checked = fileSchema.safeParse(document);
  if (!checked.success) {
    const issue = checked.error.issues[0];
    const field = issue?.path.map(String).join('.') || '(file)';
    throw new ClewError('unprocessable', `${source}: ${field}: ${issue?.message ?? 'is not valid'}`, {
      details: { file: source, field },
    });
  }
  return checked.data.objectives.map((rule) => ({
    service: rule.service,
    indicator: rule.indicator,
    target: rule.target ?? null,
    baseline: rule.baseline ?? null,
    budgetWindowS: rule.budget_window_s,
    burn: rule.burn.map((pair) => ({ longS: pair.long_s, shortS: pair.short_s, rate: pair.rate })),
    source,
  }));
}

/** Reads `<dir>/objectives/*.yaml` of every directory, later ones overriding the same service and indicator. */
export async function loadObjectives(catalogDirs: readonly string[]): Promise<ObjectiveRule[]> {
  const rules = new Map<string, ObjectiveRule>();
  for (const dir of catalogDirs) {
    const folder = join(dir, 'objectives');
    const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw new ClewError('unprocessable', `${folder}: cannot be read: ${error.message}`, { cause: error });
    });
    const files = names.filter((name) => /\.ya?ml$/.test(name)).sort();
    if (files.length > filesMax) {
      throw new ClewError('unprocessable', `${folder}: ${files.length} files; at most ${filesMax} are read.`);
    }
    for (const name of files) {
      const path = join(folder, name);
      for (const rule of parseObjectives(await readFile(path, 'utf8'), path)) {
        rules.set(`${rule.service} ${rule.indicator}`, rule);
      }
    }
  }
  return [...rules.values()];
}

export const objectiveId = (service: string, indicator: Indicator): string => `${service}.${indicator}`;

/** The rule that holds for a service: its own, or else the one for every service. */
export function ruleFor(
  rules: readonly ObjectiveRule[],
  service: string,
  indicator: Indicator,
): ObjectiveRule | null {
  let general: ObjectiveRule | null = null;
  for (const rule of rules) {
    if (rule.indicator !== indicator) continue;
    if (rule.service === service) return rule;
    if (rule.service === '*') general = rule;
  }
  return general;
}
