import { basename, dirname, extname } from 'node:path';
import { problem, readJson, type SourceFile } from '../read/file.ts';
import { readIniInventory } from './ini.ts';
import { Inventory, type Vars } from './inventory.ts';
import { readVars, readYamlInventory } from './yaml.ts';

/** Files that are inventories by their name; a YAML file also by beginning with `all:`. */
const inventoryName = /^(hosts|inventory)(\.(ini|cfg|ya?ml))?$|\.ini$/;
const varsDir = /(^|\/)(group_vars|host_vars)\//;

export const isInventory = (file: SourceFile): boolean => {
  if (varsDir.test(file.path) || /(^|\/)(roles|tasks|handlers|templates|files|collections)\//.test(file.path))
    return false;
  const name = basename(file.path);
  if (inventoryName.test(name)) return true;
  return /\.ya?ml$/.test(name) && /^(---\s*\n)?(\s*#.*\n|\s*\n)*all:\s*(\n|$)/.test(file.text);
};

/**
 * Reads the inventory files of one directory as one inventory, in the order of their names, with `group_vars` and
 * `host_vars` beside them. `files` are all files of the project. Throws `unprocessable` with file, line and field.
 */
export function readInventory(
  dir: string,
  inventories: readonly SourceFile[],
  files: readonly SourceFile[],
): Inventory {
  const inventory = new Inventory();
  for (const file of inventories) {
    if (/\.ya?ml$/.test(file.path) || looksLikeYaml(file)) readYamlInventory(inventory, file);
    else readIniInventory(inventory, file);
  }
  inventory.settle();
  for (const name of inventory.groups.keys())
    assignVars(inventory.groupFiles, name, varsOf(dir, 'group_vars', name, files));
  for (const name of inventory.hosts.keys())
    assignVars(inventory.hostFiles, name, varsOf(dir, 'host_vars', name, files));
  return inventory;
}

/** `hosts` without an extension may be either; a mapping does not begin with a section or a bare host. */
const looksLikeYaml = (file: SourceFile): boolean =>
  extname(file.path) === '' && /^(---\s*\n)?(\s*#.*\n|\s*\n)*[\w-]+:\s*(\n|$)/.test(file.text);

function assignVars(into: Map<string, Vars>, name: string, vars: Vars | null): void {
  if (vars !== null) into.set(name, vars);
}

/** The first of `web`, `web.yml`, `web.yaml`, `web.json`; `web` may be a directory, whose files are read in order. */
function varsOf(dir: string, kind: string, name: string, files: readonly SourceFile[]): Vars | null {
  const base = `${dir === '.' || dir === '' ? '' : `${dir}/`}${kind}/${name}`;
  for (const extension of ['', '.yml', '.yaml', '.json']) {
    const path = `${base}${extension}`;
    const inside = files.filter(
      (file) => file.path.startsWith(`${path}/`) && readable(file.path.slice(path.length + 1)),
    );
    if (inside.length > 0) return Object.assign({}, ...inside.map(varsFile));
    const file = files.find((one) => one.path === path);
    if (file) return varsFile(file);
  }
  return null;
}

const readable = (path: string): boolean =>
  path.split('/').every((part) => !part.startsWith('.') && !part.endsWith('~')) &&
  ['', '.yml', '.yaml', '.json'].includes(extname(path));

function varsFile(file: SourceFile): Vars {
  if (extname(file.path) !== '.json') return readVars(file);
  const value = readJson(file);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw problem(file.path, '', 'a file of variables is a mapping.');
  return { ...value };
}

export const directoryOf = (path: string): string => dirname(path);
