export type Vars = Record<string, unknown>;

/** Belongs to the group, not to its hosts: of groups of one depth the one with more wins. */
const priorityName = 'ansible_group_priority';

export interface Group {
  name: string;
  hosts: Set<string>;
  children: Set<string>;
  vars: Vars;
}

/** Most hosts and groups of one inventory. */
export const hostsMax = 50_000;
export const groupsMax = 5_000;

/** Hosts and groups as Ansible knows them: everyone is in `all`, who is in no other group is in `ungrouped`. */
export class Inventory {
  readonly groups = new Map<string, Group>();
  /** Variables that stand at the host itself. */
  readonly hosts = new Map<string, Vars>();
  /** What files beside the inventory add: `group_vars/<group>`, `host_vars/<host>`. */
  readonly groupFiles = new Map<string, Vars>();
  readonly hostFiles = new Map<string, Vars>();

  constructor() {
    this.group('all');
    this.group('ungrouped');
  }

  group(name: string): Group {
    const known = this.groups.get(name);
    if (known) return known;
    if (this.groups.size >= groupsMax) throw new Error(`there are more than ${groupsMax} groups`);
    const group = { name, hosts: new Set<string>(), children: new Set<string>(), vars: {} };
    this.groups.set(name, group);
    return group;
  }

  addHost(name: string, group: string, vars: Vars): void {
    if (!this.hosts.has(name) && this.hosts.size >= hostsMax)
      throw new Error(`there are more than ${hostsMax} hosts`);
    this.hosts.set(name, { ...this.hosts.get(name), ...vars });
    if (group !== 'all') this.group(group).hosts.add(name);
  }

  /** Throws an Error when `child` already holds `parent`: a group would contain itself. */
  addChild(parent: string, child: string): void {
    if (parent === child || this.#below(child).has(parent))
      throw new Error(`group ${parent} would contain itself through ${child}`);
    this.group(child);
    this.group(parent).children.add(child);
  }

  #below(name: string): Set<string> {
    const found = new Set<string>();
    const open = [name];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      for (const child of this.groups.get(at)?.children ?? [])
        if (!found.has(child)) {
          found.add(child);
          open.push(child);
        }
    }
    return found;
  }

  /** After everything was read: groups without a parent hang under `all`, hosts without a group are `ungrouped`. */
  settle(): void {
    const children = new Set(
      [...this.groups.values()].filter(({ name }) => name !== 'all').flatMap((group) => [...group.children]),
    );
    for (const name of this.groups.keys())
      if (name !== 'all' && !children.has(name)) this.group('all').children.add(name);
    const grouped = new Set<string>();
    for (const group of this.groups.values())
      if (group.name !== 'ungrouped') for (const host of group.hosts) grouped.add(host);
    const ungrouped = this.group('ungrouped');
    for (const host of this.hosts.keys()) {
      if (grouped.has(host)) ungrouped.hosts.delete(host);
      else ungrouped.hosts.add(host);
    }
  }

  /** Groups of each host with those above them, as variables are merged: from `all` down, then by priority and name. */
  groupsOf(): Map<string, string[]> {
    const parents = new Map<string, string[]>();
    for (const group of this.groups.values())
      for (const child of group.children) parents.set(child, [...(parents.get(child) ?? []), group.name]);
    const depths = this.#depths();
    const above = (name: string, into: Set<string>): Set<string> => {
      if (into.has(name)) return into;
      into.add(name);
      for (const parent of parents.get(name) ?? []) above(parent, into);
      return into;
    };
    const byHost = new Map<string, Set<string>>(
      [...this.hosts.keys()].map((host) => [host, new Set(['all'])]),
    );
    for (const group of this.groups.values()) {
      const list = above(group.name, new Set());
      for (const host of group.hosts) for (const name of list) byHost.get(host)?.add(name);
    }
    const order = [...this.groups.keys()].sort(
      (a, b) =>
        (depths.get(a) ?? 0) - (depths.get(b) ?? 0) ||
        this.#priorityOf(a) - this.#priorityOf(b) ||
        (a < b ? -1 : 1),
    );
    const place = new Map(order.map((name, index) => [name, index]));
    return new Map(
      [...byHost].map(([host, names]) => [
        host,
        [...names].sort((a, b) => (place.get(a) ?? 0) - (place.get(b) ?? 0)),
      ]),
    );
  }

  /** Longest way from `all`. */
  #depths(): Map<string, number> {
    const depths = new Map<string, number>();
    const visit = (name: string, depth: number): void => {
      if ((depths.get(name) ?? -1) >= depth) return;
      depths.set(name, depth);
      for (const child of this.groups.get(name)?.children ?? []) visit(child, depth + 1);
    };
    visit('all', 0);
    return depths;
  }

  #priorityOf(name: string): number {
    const given = Number({ ...this.groups.get(name)?.vars, ...this.groupFiles.get(name) }[priorityName] ?? 1);
    return Number.isFinite(given) ? given : 1;
  }

  /**
   * What each host's variables are in the end. From weak to strong: the inventory's of `all`, of its groups, the file of
   * `all`, those of its groups, the inventory's of the host, its file. A later value replaces an earlier one whole.
   */
  hostVars(): Map<string, Vars> {
    const merged = new Map<string, Vars>();
    for (const [host, groups] of this.groupsOf()) {
      const below = groups.filter((name) => name !== 'all');
      const vars: Vars = Object.assign(
        {},
        this.groups.get('all')?.vars,
        ...below.map((name) => this.groups.get(name)?.vars),
        this.groupFiles.get('all'),
        ...below.map((name) => this.groupFiles.get(name)),
        this.hosts.get(host),
        this.hostFiles.get(host),
      );
      delete vars[priorityName];
      merged.set(host, vars);
    }
    return merged;
  }
}
