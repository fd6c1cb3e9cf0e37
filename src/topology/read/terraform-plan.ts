import { z } from 'zod';
import { type Structure, StructureBuilder, structureRef } from '../edge.ts';
import { checked, problem, readJson, type SourceFile } from './file.ts';
import { reducedEdges } from './reduce.ts';
import { addTyped, resourcesMax, stackName, withoutIndex } from './terraform.ts';

const values = z.record(z.string(), z.unknown());
const resource = z.looseObject({
  address: z.string(),
  mode: z.string().default('managed'),
  type: z.string(),
  name: z.string(),
  values: values.nullish(),
  sensitive_values: z.unknown().optional(),
  depends_on: z.array(z.string()).nullish(),
});
interface Module {
  resources?: z.output<typeof resource>[] | null | undefined;
  child_modules?: Module[] | null | undefined;
}
const module: z.ZodType<Module> = z.lazy(() =>
  z.looseObject({ resources: z.array(resource).nullish(), child_modules: z.array(module).nullish() }),
);
const tree = z.looseObject({ root_module: module.nullish() });

interface ConfiguredModule {
  resources?:
    | { address: string; expressions?: unknown; depends_on?: string[] | null | undefined }[]
    | null
    | undefined;
  module_calls?: Record<string, { module?: ConfiguredModule | undefined }> | null | undefined;
}
const configured: z.ZodType<ConfiguredModule> = z.lazy(() =>
  z.looseObject({
    resources: z
      .array(
        z.looseObject({
          address: z.string(),
          expressions: z.unknown(),
          depends_on: z.array(z.string()).nullish(),
        }),
      )
      .nullish(),
    module_calls: z.record(z.string(), z.looseObject({ module: configured.optional() })).nullish(),
  }),
);
const plan = z.looseObject({
  format_version: z.string(),
  planned_values: tree.nullish(),
  values: tree.nullish(),
  configuration: z.looseObject({ root_module: configured.optional() }).nullish(),
});

/** Is this what `terraform show -json` prints, of a plan or of a state? */
export const isTerraformShow = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  'format_version' in value &&
  ('planned_values' in value || 'values' in value || 'resource_changes' in value);

/**
 * Reads what `terraform show -json` prints: of a plan what will be (`planned_values`, marked `planned`), of a state what
 * is (`values`). Edges come from `depends_on` and from the references in the configuration. A resource that is not made
 * yet has no id and is named by its address. Throws `unprocessable` with file and field.
 */
export function readTerraformShow(file: SourceFile, parsed: unknown = readJson(file)): Structure {
  const {
    format_version: version,
    planned_values,
    values: current,
    configuration,
  } = checked(plan, parsed, file.path);
  if (!/^[01]\./.test(version))
    throw problem(file.path, 'format_version', `is ${version}; Clew reads 0.x and 1.x.`);
  const builder = new StructureBuilder();
  const stack = builder.node(structureRef('group', 'iac', `terraform/${stackName(file.path)}`));
  const planned = planned_values?.root_module != null;
  const urns = new Map<string, string[]>();
  const needs = new Map<string, Set<string>>();
  let count = 0;
  for (const one of modulesOf((planned ? planned_values : current)?.root_module)) {
    if (one.mode !== 'managed') continue;
    if (++count > resourcesMax) {
      builder.leave('resources', 1);
      continue;
    }
    const hidden = new Set(Object.keys((one.sensitive_values ?? {}) as object));
    const labels: Record<string, string> = planned ? { planned: 'true' } : {};
    const urn = addTyped(builder, { ...one, attributes: one.values ?? {}, hidden, labels });
    if (urn === null) continue;
    builder.edge(stack, 'CONTAINS', urn);
    const address = withoutIndex(one.address);
    urns.set(address, [...(urns.get(address) ?? []), urn]);
    const set = needs.get(address) ?? new Set();
    for (const each of one.depends_on ?? []) set.add(withoutIndex(each));
    needs.set(address, set);
  }
  if (configuration?.root_module) addReferences(needs, configuration.root_module, '');
  const known = new Map(
    [...needs].map(([from, set]) => [from, new Set([...set].filter((to) => urns.has(to)))]),
  );
  for (const [from, to] of reducedEdges(known))
    for (const src of urns.get(from) ?? [])
      for (const dst of urns.get(to) ?? []) builder.edge(src, 'DEPENDS_ON', dst);
  return builder.done();
}

function modulesOf(root: Module | null | undefined): z.output<typeof resource>[] {
  if (root == null) return [];
  return [...(root.resources ?? []), ...(root.child_modules ?? []).flatMap(modulesOf)];
}

/** References of a module name its own resources (`aws_subnet.a.id`, `aws_subnet.a`); those of calls are followed by name. */
function addReferences(needs: Map<string, Set<string>>, from: ConfiguredModule, prefix: string): void {
  const own = new Set((from.resources ?? []).map((one) => one.address));
  for (const one of from.resources ?? []) {
    const address = `${prefix}${one.address}`;
    const set = needs.get(address);
    if (set === undefined) continue;
    for (const reference of [...referencesIn(one.expressions), ...(one.depends_on ?? [])]) {
      const target = withoutIndex(reference).split('.').slice(0, 2).join('.');
      if (own.has(target)) set.add(`${prefix}${target}`);
    }
  }
  for (const [name, call] of Object.entries(from.module_calls ?? {}))
    if (call.module) addReferences(needs, call.module, `${prefix}module.${name}.`);
}

function referencesIn(value: unknown, depth = 0): string[] {
  if (typeof value !== 'object' || value === null || depth > 12) return [];
  return Object.entries(value).flatMap(([key, each]) =>
    key === 'references' && Array.isArray(each)
      ? each.filter((one): one is string => typeof one === 'string')
      : referencesIn(each, depth + 1),
  );
}
