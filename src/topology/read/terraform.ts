import { z } from 'zod';
import { type Structure, StructureBuilder, structureRef } from '../edge.ts';
import { addCloudResource, isValueProvider, providerName } from './cloud-resource.ts';
import { checked, problem, readJson, type SourceFile } from './file.ts';
import { textOf } from './labels.ts';
import { reducedEdges } from './reduce.ts';

const instance = z.looseObject({
  index_key: z.union([z.string(), z.number()]).optional(),
  attributes: z.record(z.string(), z.unknown()).nullish(),
  sensitive_attributes: z.array(z.array(z.looseObject({ value: z.unknown() }))).nullish(),
  dependencies: z.array(z.string()).nullish(),
  deposed: z.string().optional(),
});
const resource = z.looseObject({
  module: z.string().optional(),
  mode: z.string(),
  type: z.string(),
  name: z.string(),
  provider: z.string().optional(),
  instances: z.array(instance),
});
const state = z.looseObject({ version: z.number(), resources: z.array(resource).nullish() });

/** Most resources of one file, instances counted. */
export const resourcesMax = 20_000;

interface Found {
  urn: string;
  id: string;
  /** The resource without its index, as `dependencies` name it. */
  address: string;
  dependencies: readonly string[];
  attributes: Readonly<Record<string, unknown>>;
}

/** Is this a state file as Terraform keeps it? `value` is the parsed JSON. */
export const isTerraformState = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'lineage' in value && 'version' in value;

/**
 * Reads a Terraform (or OpenTofu) state, version 4: every managed instance becomes a resource that its stack contains,
 * and `dependencies` become `DEPENDS_ON`. Attributes are read for names, places and addresses only; none is stored that
 * is not known to be harmless. Throws `unprocessable` with file and field.
 */
export function readTerraformState(file: SourceFile, parsed: unknown = readJson(file)): Structure {
  const { version, resources } = checked(state, parsed, file.path);
  if (version !== 4)
    throw problem(
      file.path,
      'version',
      `is ${version}; Clew reads version 4, which Terraform 0.12 and later write.`,
    );
  const builder = new StructureBuilder();
  const stack = builder.node(structureRef('group', 'iac', `terraform/${stackName(file.path)}`));
  const found: Found[] = [];
  for (const one of resources ?? []) {
    if (one.mode !== 'managed') continue;
    for (const [index, each] of one.instances.entries()) {
      if (each.deposed !== undefined) continue;
      if (found.length >= resourcesMax) {
        builder.leave('resources', one.instances.length - index);
        break;
      }
      const added = addInstance(builder, one, each);
      if (added === null) continue;
      builder.edge(stack, 'CONTAINS', added.urn);
      found.push(added);
    }
  }
  connect(builder, found);
  return builder.done();
}

export const stackName = (path: string): string => path.replace(/(\.tfstate|\.tfplan|\.plan|\.json)+$/, '');

function addInstance(
  builder: StructureBuilder,
  one: z.output<typeof resource>,
  each: z.output<typeof instance>,
): Found | null {
  const attributes = each.attributes ?? {};
  const hidden = new Set((each.sensitive_attributes ?? []).map((path) => textOf(path[0]?.value)));
  const address = `${one.module === undefined ? '' : `${one.module}.`}${one.type}.${one.name}`;
  const index = each.index_key === undefined ? '' : `[${JSON.stringify(each.index_key)}]`;
  const urn = addTyped(builder, { type: one.type, address: `${address}${index}`, attributes, hidden });
  if (urn === null) return null;
  return {
    urn,
    id: textOf(attributes.id),
    address: withoutIndex(address),
    dependencies: each.dependencies ?? [],
    attributes,
  };
}

export interface TypedResource {
  /** Terraform's: aws_db_instance. */
  type: string;
  address: string;
  attributes: Readonly<Record<string, unknown>>;
  hidden: ReadonlySet<string>;
  labels?: Record<string, string>;
}

/** Kubernetes objects that Terraform keeps get the URN that manifests give them. */
const kubernetesKinds: Readonly<Record<string, string>> = { service: 'svc', config_map: 'configmap' };

/** Adds a resource under the URN that its provider's id, or its Kubernetes name, gives it; null for mere values. */
export function addTyped(builder: StructureBuilder, one: TypedResource): string | null {
  const [prefix = '', ...rest] = one.type.split('_');
  if (isValueProvider(prefix) || rest.length === 0) return null;
  const metadata = [one.attributes.metadata].flat()[0] as Record<string, unknown> | null | undefined;
  if (
    prefix === 'kubernetes' &&
    metadata !== null &&
    typeof metadata === 'object' &&
    textOf(metadata.name) !== ''
  ) {
    const kind = rest.join('_').replace(/_v\d\w*$/, '');
    const name = `${textOf(metadata.namespace) || 'default'}/${textOf(metadata.name)}`;
    const type =
      kind === 'service' ? 'service' : kind === 'config_map' || kind === 'secret' ? 'config' : 'workload';
    const short = kubernetesKinds[kind] ?? kind.replaceAll('_', '');
    return builder.node(structureRef(type, 'k8s', `${short}:${name}`), { labels: { ...one.labels } });
  }
  return addCloudResource(builder, {
    provider: providerName(prefix),
    kind: rest.join('_'),
    id: textOf(one.attributes.arn) || textOf(one.attributes.id),
    address: one.address,
    name: nameOf(one),
    attributes: one.attributes,
    hidden: one.hidden,
    labels: { address: one.address, ...one.labels },
  });
}

function nameOf({ attributes, hidden, address }: TypedResource): string {
  const tags = attributes.tags as Record<string, unknown> | null | undefined;
  const given = hidden.has('name') ? '' : textOf(attributes.name);
  return given || textOf(tags?.Name) || (address.split('.').at(-1) ?? address);
}

export const withoutIndex = (address: string): string =>
  address.replaceAll(/\[(?:"(?:[^"\\]|\\.)*"|\d+)\]/g, '');

/** Values of an instance that are looked at to see which instance of another resource it means. */
const valuesMax = 500;

function stringsIn(value: unknown, into: Set<string>, depth = 0): Set<string> {
  if (into.size >= valuesMax || depth > 6) return into;
  if (typeof value === 'string') into.add(value);
  else if (typeof value === 'object' && value !== null)
    for (const each of Object.values(value)) stringsIn(each, into, depth + 1);
  return into;
}

/**
 * Terraform records everything that a resource needs, directly or through others, and names no index. Drawn is what does
 * not follow from other edges, and of several instances those whose id stands in the attributes.
 */
function connect(builder: StructureBuilder, found: readonly Found[]): void {
  const byAddress = new Map<string, Found[]>();
  for (const one of found) byAddress.set(one.address, [...(byAddress.get(one.address) ?? []), one]);
  const needs = new Map<string, Set<string>>();
  for (const one of found) {
    const set = needs.get(one.address) ?? new Set();
    for (const needed of one.dependencies.map(withoutIndex)) if (byAddress.has(needed)) set.add(needed);
    needs.set(one.address, set);
  }
  for (const [address, needed] of reducedEdges(needs)) {
    const targets = byAddress.get(needed) ?? [];
    for (const one of byAddress.get(address) ?? []) {
      const values = targets.length > 1 ? stringsIn(one.attributes, new Set()) : new Set<string>();
      const meant = targets.filter((target) => target.id !== '' && values.has(target.id));
      for (const target of meant.length > 0 ? meant : targets)
        builder.edge(one.urn, 'DEPENDS_ON', target.urn);
    }
  }
}
