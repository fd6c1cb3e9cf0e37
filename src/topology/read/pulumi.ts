import { z } from 'zod';
import { type Structure, StructureBuilder, structureRef } from '../edge.ts';
import { addCloudResource, isValueProvider, providerName } from './cloud-resource.ts';
import { checked, readJson, type SourceFile } from './file.ts';
import { textOf } from './labels.ts';
import { reducedEdges } from './reduce.ts';
import { resourcesMax, stackName } from './terraform.ts';

const values = z.record(z.string(), z.unknown());
const resource = z.looseObject({
  urn: z.string().regex(/^urn:pulumi:/, 'must begin with urn:pulumi:'),
  custom: z.boolean().default(false),
  delete: z.boolean().optional(),
  type: z.string(),
  id: z.string().optional(),
  inputs: values.nullish(),
  outputs: values.nullish(),
  parent: z.string().optional(),
  dependencies: z.array(z.string()).nullish(),
  propertyDependencies: z.record(z.string(), z.array(z.string()).nullable()).nullish(),
  additionalSecretOutputs: z.array(z.string()).nullish(),
});
const exported = z.looseObject({
  version: z.number(),
  deployment: z.looseObject({ resources: z.array(resource).nullish() }),
});

export const isPulumiExport = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'deployment' in value;

/** The key by which Pulumi marks a value as a secret, encrypted or not. */
const secretMark = '4dabf18193072939515e22adb298388d';

const isSecret = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && secretMark in value;

/**
 * Reads what `pulumi stack export` prints: custom resources become resources of the cloud, components (that only group)
 * contain their children, `dependencies` and those of properties become `DEPENDS_ON`. Secrets are never kept.
 */
export function readPulumi(file: SourceFile, parsed: unknown = readJson(file)): Structure {
  const { deployment } = checked(exported, parsed, file.path);
  const builder = new StructureBuilder();
  const stack = builder.node(structureRef('group', 'iac', `pulumi/${stackName(file.path)}`));
  const all = (deployment.resources ?? []).filter((one) => one.delete !== true);
  builder.leave('resources', all.length - resourcesMax);
  const urns = new Map<string, string>();
  for (const one of all.slice(0, resourcesMax)) {
    const urn = addOne(builder, one);
    if (urn !== null) urns.set(one.urn, urn);
  }
  const needs = new Map<string, Set<string>>();
  for (const one of all.slice(0, resourcesMax)) {
    const urn = urns.get(one.urn);
    if (urn === undefined) continue;
    builder.edge(urns.get(one.parent ?? '') ?? stack, 'CONTAINS', urn);
    const named = [
      ...(one.dependencies ?? []),
      ...Object.values(one.propertyDependencies ?? {}).flatMap((each) => each ?? []),
    ];
    needs.set(urn, new Set(named.flatMap((each) => urns.get(each) ?? [])));
  }
  for (const [src, dst] of reducedEdges(needs)) builder.edge(src, 'DEPENDS_ON', dst);
  return builder.done();
}

/** `urn:pulumi:prod::shop::aws:ec2/instance:Instance::web` → name `web`. */
const nameOf = (urn: string): string => urn.split('::').at(-1) ?? urn;

function addOne(builder: StructureBuilder, one: z.output<typeof resource>): string | null {
  const [provider = '', path = '', kindName = ''] = one.type.split(':');
  if (provider === 'pulumi' || isValueProvider(provider)) return null;
  const name = nameOf(one.urn);
  if (!one.custom)
    return builder.node(structureRef('group', 'iac', `pulumi/${one.urn.replace(/^urn:pulumi:/, '')}`));
  const attributes = { ...snakeKeys(one.inputs ?? {}), ...snakeKeys(one.outputs ?? {}) };
  const hidden = new Set((one.additionalSecretOutputs ?? []).map(snake));
  for (const [key, value] of Object.entries(attributes)) if (isSecret(value)) hidden.add(key);
  if (provider === 'kubernetes') return addKubernetes(builder, kindName, attributes, name);
  return addCloudResource(builder, {
    provider: providerName(provider),
    kind: kindOf(path, kindName),
    id: (hidden.has('arn') ? '' : textOf(attributes.arn)) || (one.id ?? ''),
    address: one.urn.replace(/^urn:pulumi:/, ''),
    name,
    attributes,
    hidden,
    labels: { address: name },
  });
}

function addKubernetes(
  builder: StructureBuilder,
  kind: string,
  attributes: Readonly<Record<string, unknown>>,
  fallback: string,
): string {
  const metadata = (attributes.metadata ?? {}) as Record<string, unknown>;
  const name = `${textOf(metadata.namespace) || 'default'}/${textOf(metadata.name) || fallback}`;
  const short = kind === 'Service' ? 'svc' : kind.toLowerCase();
  const type =
    kind === 'Service' ? 'service' : kind === 'ConfigMap' || kind === 'Secret' ? 'config' : 'workload';
  return builder.node(structureRef(type, 'k8s', `${short}:${name}`));
}

const snake = (text: string): string => text.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
const snakeKeys = (given: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(given).map(([key, value]) => [snake(key), value]));

/** Modules in whose kinds Terraform repeats the module's name: `aws:rds/instance` is `aws_db_instance` there. */
const prefixes: Readonly<Record<string, string>> = {
  rds: 'db',
  sql: 'sql',
  s3: 's3',
  iam: 'iam',
  elasticache: 'elasticache',
  ecs: 'ecs',
  eks: 'eks',
  lambda: 'lambda',
  compute: 'compute',
  dynamodb: 'dynamodb',
};

function kindOf(path: string, kindName: string): string {
  const [module = '', ...rest] = path.split('/');
  const kind = snake(kindName || rest.join('_') || module);
  const prefix = prefixes[module];
  return prefix === undefined || kind.startsWith(prefix) ? kind : `${prefix}_${kind}`;
}
