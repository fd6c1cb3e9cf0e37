import { problem, readYaml, type SourceFile, type YamlDocument } from '../read/file.ts';
import type { Inventory, Vars } from './inventory.ts';
import { hostsOf } from './pattern.ts';

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Groups in groups; a deeper file is broken or hostile. */
const depthMax = 50;

/** Reads a YAML inventory into `inventory`. Throws `unprocessable` with file, line and field. */
export function readYamlInventory(inventory: Inventory, file: SourceFile): void {
  for (const document of readYaml(file, '1.1')) {
    if (document.value === null || document.value === undefined) continue;
    if (!isMap(document.value))
      throw problem(file.path, `line ${document.line([])}`, 'an inventory is a mapping of groups.');
    for (const [name, group] of Object.entries(document.value)) {
      if (name === 'plugin')
        throw problem(
          file.path,
          `line ${document.line([name])}, plugin`,
          'inventories of plugins are not run; give Clew the output of ansible-inventory --list --yaml.',
        );
      readGroup({ inventory, file, document }, name, group, [name]);
    }
  }
}

interface Reading {
  inventory: Inventory;
  file: SourceFile;
  document: YamlDocument;
}

function readGroup(reading: Reading, name: string, value: unknown, path: readonly string[]): void {
  const { inventory } = reading;
  const at = (more: readonly string[], what: string) =>
    problem(
      reading.file.path,
      `line ${reading.document.line([...path, ...more])}, ${[...path, ...more].join('.')}`,
      what,
    );
  if (path.length > depthMax) throw at([], `groups lie more than ${depthMax / 2} deep.`);
  inventory.group(name);
  if (value === null || value === undefined) return;
  if (!isMap(value)) throw at([], 'a group is a mapping with hosts, children and vars.');
  const part = (key: 'hosts' | 'children' | 'vars'): Record<string, unknown> => {
    const given = value[key];
    if (given === null || given === undefined) return {};
    if (typeof given === 'string' && key !== 'vars') return { [given]: null };
    if (!isMap(given))
      throw at(
        [key],
        `must be a mapping, not ${Array.isArray(given) ? 'a list; put a colon after each name' : `"${String(given).slice(0, 40)}"`}.`,
      );
    return given;
  };
  Object.assign(inventory.group(name).vars, part('vars'));
  try {
    for (const [child, inner] of Object.entries(part('children'))) {
      inventory.addChild(name, child);
      readGroup(reading, child, inner, [...path, 'children', child]);
    }
    for (const [pattern, vars] of Object.entries(part('hosts'))) {
      if (vars !== null && !isMap(vars)) throw at(['hosts', pattern], 'variables of a host are a mapping.');
      addHosts(inventory, name, pattern, vars ?? {});
    }
  } catch (error) {
    if (error instanceof Error && error.constructor === Error) throw at([], `${error.message}.`);
    throw error;
  }
}

function addHosts(inventory: Inventory, group: string, pattern: string, vars: Vars): void {
  const { names, port } = hostsOf(pattern);
  for (const host of names)
    inventory.addHost(host, group, port === null ? vars : { ansible_port: port, ...vars });
}

/** A file of variables: `group_vars/web.yml`. What Ansible Vault has encrypted is passed over. */
export function readVars(file: SourceFile): Vars {
  if (file.text.startsWith('$ANSIBLE_VAULT;')) return {};
  const vars: Vars = {};
  for (const document of readYaml(file, '1.1')) {
    if (document.value === null || document.value === undefined) continue;
    if (!isMap(document.value))
      throw problem(file.path, `line ${document.line([])}`, 'a file of variables is a mapping.');
    Object.assign(vars, document.value);
  }
  return vars;
}
