import { databaseRef, externalRef, type Urn } from '../../model/index.ts';
import { type Structure, StructureBuilder, structureRef } from '../edge.ts';
import type { SourceFile } from '../read/file.ts';
import { type Need, needsOf } from './connections.ts';
import type { Inventory } from './inventory.ts';
import { directoryOf, isInventory, readInventory } from './project.ts';
import { readPlaybook, readRoleMeta, rolePath } from './roles.ts';

/** Edges from one host to others by its variables; a group of thousands would otherwise be drawn as a mesh. */
const needsPerHostMax = 100;

const textOf = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : '';
const isAddress = (text: string): boolean => text !== '' && text.length <= 253 && !text.includes('{{');

/** Directories that hold inventories, with their files. */
export function inventoryDirs(files: readonly SourceFile[]): Map<string, SourceFile[]> {
  const dirs = new Map<string, SourceFile[]>();
  for (const file of files)
    if (isInventory(file))
      dirs.set(directoryOf(file.path), [...(dirs.get(directoryOf(file.path)) ?? []), file]);
  return dirs;
}

/**
 * Reads one inventory directory of an Ansible project: groups contain hosts and groups, groups use the roles that plays
 * give them, roles depend on roles, hosts depend on what connection strings and upstreams in their variables name.
 */
export function readAnsible(dir: string, files: readonly SourceFile[]): Structure {
  const inventory = readInventory(dir, inventoryDirs(files).get(dir) ?? [], files);
  const builder = new StructureBuilder();
  const name = dir === '.' || dir === '' ? 'inventory' : dir;
  addGroups(builder, inventory, name);
  addNeeds(builder, inventory, name);
  addRoles(builder, inventory, name, files);
  return builder.done();
}

const groupRef = (inventory: string, group: string) =>
  structureRef('group', 'ansible', `group:${inventory}/${group}`);
const hostRef = (host: string) => structureRef('host', 'host', host.toLowerCase());
const roleRef = (role: string) => structureRef('role', 'ansible', `role:${role}`);

function addGroups(builder: StructureBuilder, inventory: Inventory, name: string): void {
  const root = builder.node(structureRef('group', 'iac', `ansible/${name}`));
  const vars = inventory.hostVars();
  const hostOf = (host: string): Urn => {
    const address = textOf(vars.get(host)?.ansible_host);
    return builder.node(hostRef(host), { labels: isAddress(address) ? { address } : {} });
  };
  for (const group of inventory.groups.values()) {
    const isRoot = group.name === 'all';
    const parent = isRoot || group.name === 'ungrouped' ? root : builder.node(groupRef(name, group.name));
    for (const child of group.children)
      if (child !== 'ungrouped') builder.edge(parent, 'CONTAINS', builder.node(groupRef(name, child)));
    for (const host of group.hosts) builder.edge(parent, 'CONTAINS', hostOf(host));
  }
}

function addNeeds(builder: StructureBuilder, inventory: Inventory, name: string): void {
  const byAddress = new Map<string, string>();
  const vars = inventory.hostVars();
  for (const host of inventory.hosts.keys()) {
    byAddress.set(host.toLowerCase(), host);
    const address = textOf(vars.get(host)?.ansible_host);
    if (isAddress(address)) byAddress.set(address.toLowerCase(), host);
  }
  const targetOf = (need: Need): Urn | null => {
    if (need.kind === 'group')
      return inventory.groups.has(need.name) ? builder.node(groupRef(name, need.name)) : null;
    const known = byAddress.get(need.host.toLowerCase());
    if (need.kind === 'database') {
      const database = builder.node(databaseRef(need.system, known ?? need.host, need.database));
      if (known !== undefined) builder.edge(database, 'RUNS_ON', builder.node(hostRef(known)));
      return database;
    }
    if (known !== undefined) return builder.node(hostRef(known));
    if (/^(localhost|127\.|0\.0\.0\.0)/.test(need.host) || !/[.]/.test(need.host)) return null;
    return builder.node(externalRef(need.port === '' ? need.host : `${need.host}:${need.port}`));
  };
  for (const [host, own] of vars) {
    const needs = needsOf(own);
    builder.leave('needs', needs.length - needsPerHostMax);
    for (const need of needs.slice(0, needsPerHostMax)) {
      const target = targetOf(need);
      if (target !== null) builder.edge(builder.node(hostRef(host)), 'DEPENDS_ON', target);
    }
  }
}

function addRoles(
  builder: StructureBuilder,
  inventory: Inventory,
  name: string,
  files: readonly SourceFile[],
): void {
  for (const file of files) {
    if (rolePath.test(file.path)) {
      const { role, needs } = readRoleMeta(file);
      for (const needed of needs)
        builder.edge(builder.node(roleRef(role)), 'DEPENDS_ON', builder.node(roleRef(needed)));
    } else if (!/(^|\/)(roles|group_vars|host_vars)\//.test(file.path) && !isInventory(file)) {
      for (const play of readPlaybook(file)) {
        for (const target of play.hosts) {
          const src = inventory.hosts.has(target)
            ? hostRef(target)
            : target === 'all'
              ? structureRef('group', 'iac', `ansible/${name}`)
              : inventory.groups.has(target)
                ? groupRef(name, target)
                : null;
          if (src === null) continue;
          for (const role of play.roles) builder.edge(builder.node(src), 'USES', builder.node(roleRef(role)));
        }
      }
    }
  }
}
