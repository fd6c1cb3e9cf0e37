import { z } from 'zod';
import type { EpochMs } from '../../model/index.ts';
import { relations, type Structure, StructureBuilder, structureRef } from '../edge.ts';
import { addCloudResource, providerName } from './cloud-resource.ts';
import { checked, problem, readJson, type SourceFile } from './file.ts';
import { tagsOf } from './labels.ts';
import { resourcesMax } from './terraform.ts';

const name = z.string().min(1).max(300);
const resource = z.looseObject({
  type: name,
  id: name,
  name: z.string().max(300).default(''),
  region: z.string().max(100).optional(),
  zone: z.string().max(100).optional(),
  attributes: z.record(z.string(), z.unknown()).default({}),
  tags: z.record(z.string(), z.unknown()).default({}),
  depends_on: z.array(name).default([]),
  runs_on: z.array(name).default([]),
  contains: z.array(name).default([]),
});
const snapshot = z.looseObject({
  provider: name,
  account: z.string().max(200).default(''),
  region: z.string().max(100).default(''),
  taken_at: z.iso.datetime({ offset: true }).optional(),
  resources: z.array(resource),
  edges: z.array(z.looseObject({ src: name, dst: name, relation: z.enum(relations) })).default([]),
});

export const isCloudSnapshot = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'provider' in value && 'resources' in value;

export interface CloudSnapshot {
  structure: Structure;
  /** The account and region: snapshots of the same scope follow each other in time. */
  scope: string;
  /** When it was taken; null when the file does not say. */
  takenAt: EpochMs | null;
}

/**
 * Reads a snapshot of a cloud: `{provider, account, region, taken_at, resources: [{type, id, name, region, zone, tags,
 * attributes, depends_on, runs_on, contains}], edges: [{src, dst, relation}]}`. Edges name resources by id; an id that the
 * snapshot does not hold is an error that names it.
 */
export function readCloudSnapshot(file: SourceFile, parsed: unknown = readJson(file)): CloudSnapshot {
  const given = checked(snapshot, parsed, file.path);
  const builder = new StructureBuilder();
  const provider = providerName(given.provider.toLowerCase());
  const scope = [provider, given.account, given.region].filter((part) => part !== '').join('/');
  const account = builder.node(structureRef('group', 'iac', `cloud/${scope}`));
  builder.leave('resources', given.resources.length - resourcesMax);
  const taken = given.resources.slice(0, resourcesMax);
  const urns = new Map<string, string>();
  for (const one of taken) {
    const attributes = { ...one.attributes, region: one.region ?? given.region, zone: one.zone };
    const kind = one.type.replace(/^[a-z]+_(?=[a-z_]+$)/, (head) =>
      providerName(head.slice(0, -1)) === provider ? '' : head,
    );
    const urn = addCloudResource(builder, {
      provider,
      kind,
      id: one.id,
      address: one.id,
      name: one.name,
      attributes,
      hidden: new Set(),
      labels: tagsOf(one.tags),
    });
    builder.edge(account, 'CONTAINS', urn);
    urns.set(one.id, urn);
  }
  const left = given.resources.length > taken.length;
  const find = (id: string, where: string): string | undefined => {
    const urn = urns.get(id);
    if (urn === undefined && !left)
      throw problem(file.path, where, `names ${id}, which is no id of this snapshot.`);
    return urn;
  };
  const link = (src: string | undefined, relation: (typeof relations)[number], dst: string | undefined) => {
    if (src !== undefined && dst !== undefined) builder.edge(src, relation, dst);
  };
  for (const [index, one] of taken.entries()) {
    const urn = urns.get(one.id);
    const at = (field: string, place: number) => `resources[${index}].${field}[${place}]`;
    for (const [place, id] of one.depends_on.entries())
      link(urn, 'DEPENDS_ON', find(id, at('depends_on', place)));
    for (const [place, id] of one.runs_on.entries()) link(urn, 'RUNS_ON', find(id, at('runs_on', place)));
    for (const [place, id] of one.contains.entries()) link(urn, 'CONTAINS', find(id, at('contains', place)));
  }
  for (const [index, edge] of given.edges.entries())
    link(find(edge.src, `edges[${index}].src`), edge.relation, find(edge.dst, `edges[${index}].dst`));
  const takenAt = given.taken_at === undefined ? null : Date.parse(given.taken_at);
  return { structure: builder.done(), scope, takenAt };
}
