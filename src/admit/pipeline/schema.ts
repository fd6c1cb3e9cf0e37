import { z } from 'zod';
import type { Clock } from '../../lib/index.ts';
import { type CatalogText, parseYamlFile } from '../catalog-file.ts';
import { ownPatternProblem } from '../masking/pattern-safety.ts';
import { timeFormatProblem, zoneProblem } from './time.ts';

const pipelinesMax = 200;
const stagesMax = 50;
const listMax = 100;
export const nameRule = /^[a-z0-9][a-z0-9_-]{0,62}$/;

const field = z.string().min(1).max(200);
const pattern = z.string().min(1).max(2_000);
const fieldMap = z
  .record(z.string().min(1).max(200), field)
  .refine((map) => Object.keys(map).length <= listMax, { message: `at most ${listMax} fields` });

const condition = {
  field: field.default('body'),
  matches: pattern.optional(),
  equals: z.string().optional(),
};

/** One schema a stage; the name of the stage is its only key. */
export const stageSchemas = {
  /** Joins the lines of one event: a line that matches `first` begins the next one. Only as the first stage. */
  multiline: z.strictObject({
    first: pattern,
    lines_max: z.number().int().min(2).max(10_000).default(500),
    separator: z.string().max(10).default('\n'),
  }),
  json: z.strictObject({ field: field.default('body'), prefix: z.string().max(100).default('') }),
  logfmt: z.strictObject({ field: field.default('body'), prefix: z.string().max(100).default('') }),
  /** Named groups become fields; `fields` gives them names that a group can't have. */
  regex: z.strictObject({ field: field.default('body'), pattern, fields: fieldMap.default({}) }),
  /** A format of the catalogue, or `auto`. */
  format: z.strictObject({ name: z.string().min(1).max(60).default('auto'), field: field.default('body') }),
  timestamp: z.strictObject({
    field,
    formats: z.array(z.string().min(1).max(100)).min(1).max(10).default(['iso8601']),
    zone: z.string().max(60).default('UTC'),
    keep: z.boolean().default(false),
  }),
  labels: z.strictObject({
    /** New name of an attribute ← field. */
    attributes: fieldMap.default({}),
    /** Name in the resource ← field. */
    resource: fieldMap.default({}),
    service: field.optional(),
    severity: field.optional(),
    trace_id: field.optional(),
    span_id: field.optional(),
    remove: z.array(field).max(listMax).default([]),
  }),
  drop: z.strictObject({
    ...condition,
    reason: z.string().regex(nameRule, 'must be lower-case letters, digits, _ and -'),
  }),
  limit: z.strictObject({
    per_second: z.number().positive().max(1_000_000),
    burst: z.number().int().min(1).max(10_000_000),
  }),
  replace: z.strictObject({ field: field.default('body'), pattern, with: z.string().max(1_000) }),
  /** What becomes the body: a field, or a text with `{field}` in it. */
  output: z.strictObject({ field: field.optional(), text: z.string().min(1).max(2_000).optional() }),
};
export type StageName = keyof typeof stageSchemas;
export const stageNames = Object.keys(stageSchemas) as StageName[];
export type StageConfigs = { [Name in StageName]: z.output<(typeof stageSchemas)[Name]> };

const optionalStages = Object.fromEntries(
  Object.entries(stageSchemas).map(([name, schema]) => [name, schema.optional()]),
) as { [Name in StageName]: z.ZodOptional<(typeof stageSchemas)[Name]> };
const stageSchema = z.strictObject(optionalStages).superRefine((stage, context) => {
  const names = Object.keys(stage);
  if (names.length !== 1)
    context.addIssue({
      code: 'custom',
      message: `is one stage: give exactly one of ${stageNames.join(', ')}; there are ${names.length}`,
    });
});
export type StageConfig = z.output<typeof stageSchema>;

const pipelineSchema = z.strictObject({
  name: z.string().regex(nameRule, 'must be lower-case letters, digits, _ and -, at most 63'),
  about: z.string().max(500).default(''),
  /** Tenant that the pipeline is for; every tenant when absent. */
  tenant: z.string().max(63).optional(),
  enabled: z.boolean().default(true),
  match: z
    .strictObject({
      /** Receivers, as dead letters name them: `loki/push`, `syslog`. */
      source: z.string().max(60).optional(),
      service: z.string().max(200).optional(),
      service_matches: pattern.optional(),
      labels: z.record(z.string(), z.string()).default({}),
      labels_match: z.record(z.string(), pattern).default({}),
    })
    .prefault({}),
  stages: z.array(stageSchema).min(1).max(stagesMax),
});
export type PipelineConfig = z.output<typeof pipelineSchema> & { file: string };
const listSchema = z.strictObject({ pipelines: z.array(pipelineSchema).max(pipelinesMax) });

/**
 * Reads a file with `pipelines:`, or with one pipeline alone. The error names file, line, index of the stage and field.
 * `formats` are the names of the catalogue.
 */
export function parsePipelines(
  file: CatalogText,
  formats: readonly string[],
  clock: Clock,
): PipelineConfig[] {
  const many = /^pipelines\s*:/m.test(file.text);
  const { value, wrong } = many ? parseYamlFile(file, listSchema) : parseYamlFile(file, pipelineSchema);
  const list = 'pipelines' in value ? value.pipelines : [value];
  for (const [index, pipeline] of list.entries()) {
    const at = many ? ['pipelines', index] : [];
    for (const problem of problemsOf(pipeline, formats, clock))
      throw wrong([...at, ...problem.path], problem.message);
  }
  return list.map((pipeline) => ({ ...pipeline, file: file.source }));
}

interface Problem {
  path: readonly PropertyKey[];
  message: string;
}

function* problemsOf(
  pipeline: z.output<typeof pipelineSchema>,
  formats: readonly string[],
  clock: Clock,
): Generator<Problem> {
  const { match, stages } = pipeline;
  const patterns: [PropertyKey[], string | undefined][] = [
    [['match', 'service_matches'], match.service_matches],
  ];
  for (const [name, value] of Object.entries(match.labels_match))
    patterns.push([['match', 'labels_match', name], value]);
  for (const [index, stage] of stages.entries()) {
    const at = ['stages', index];
    patterns.push([[...at, 'multiline', 'first'], stage.multiline?.first]);
    patterns.push([[...at, 'regex', 'pattern'], stage.regex?.pattern]);
    patterns.push([[...at, 'drop', 'matches'], stage.drop?.matches]);
    patterns.push([[...at, 'replace', 'pattern'], stage.replace?.pattern]);
  }
  for (const [path, source] of patterns) {
    const problem = source === undefined ? null : ownPatternProblem(source, false, clock, true);
    if (problem !== null) yield { path, message: problem };
  }
  for (const [index, stage] of stages.entries())
    yield* stageProblems(stage, ['stages', index], index, formats);
}

function* stageProblems(
  stage: StageConfig,
  at: readonly PropertyKey[],
  index: number,
  formats: readonly string[],
): Generator<Problem> {
  const { multiline, regex, format, timestamp, drop, output } = stage;
  if (multiline && index > 0)
    yield {
      path: [...at, 'multiline'],
      message: 'must be the first stage: lines are joined before they are read',
    };
  if (regex && !/\(\?<[A-Za-z_$]/.test(regex.pattern))
    yield {
      path: [...at, 'regex', 'pattern'],
      message: 'has no named group, (?<name>…), so nothing would be kept',
    };
  if (format && format.name !== 'auto' && !formats.includes(format.name))
    yield {
      path: [...at, 'format', 'name'],
      message: `is no format of the catalogue; there are auto, ${formats.join(', ')}`,
    };
  for (const [position, text] of (timestamp?.formats ?? []).entries()) {
    const problem = timeFormatProblem(text);
    if (problem !== null) yield { path: [...at, 'timestamp', 'formats', position], message: problem };
  }
  const zone = timestamp === undefined ? null : zoneProblem(timestamp.zone);
  if (zone !== null) yield { path: [...at, 'timestamp', 'zone'], message: zone };
  if (drop && (drop.matches === undefined) === (drop.equals === undefined))
    yield { path: [...at, 'drop'], message: 'needs either matches or equals' };
  if (output && (output.field === undefined) === (output.text === undefined))
    yield { path: [...at, 'output'], message: 'needs either field or text' };
}
