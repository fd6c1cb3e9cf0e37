import { problem, type SourceFile } from '../read/file.ts';
import type { Inventory } from './inventory.ts';
import { hostsOf } from './pattern.ts';
import { pythonValue, shellWords } from './values.ts';

const kinds = ['hosts', 'children', 'vars'] as const;
type Kind = (typeof kinds)[number];

/** Reads an INI inventory into `inventory`. Throws `unprocessable` with file, line and what stands there. */
export function readIniInventory(inventory: Inventory, file: SourceFile): void {
  const declared = new Set(['all', 'ungrouped', ...inventory.groups.keys()]);
  const pending: { line: number; group: string; text: string }[] = [];
  let group = 'ungrouped';
  let kind: Kind = 'hosts';
  for (const [index, raw] of file.text.split(/\r?\n/).entries()) {
    const line = index + 1;
    const text = raw.trim();
    if (text === '' || text.startsWith('#') || text.startsWith(';')) continue;
    const at = (what: string) => problem(file.path, `line ${line}`, what);
    if (text.startsWith('[')) {
      const section = /^\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?$/.exec(text);
      // `[web:1]` begins a section; `[a:c].example.com` is a range of hosts.
      if (section !== null) {
        const [, name = '', given = 'hosts'] = section;
        const found = kinds.find((one) => one === given);
        if (found === undefined)
          throw at(`section [${name}:${given}] is of an unknown kind; there are hosts, children and vars.`);
        group = name;
        kind = found;
        if (kind === 'vars')
          pending.push({
            line,
            group: name,
            text: `section [${name}:vars] belongs to no group of this inventory.`,
          });
        else declared.add(name);
        inventory.group(name);
        continue;
      }
      if (!/^\[[^\]]*:[^\]]*\]./.test(text))
        throw at(`"${text.slice(0, 60)}" is no section; write [group], [group:children] or [group:vars].`);
    }
    try {
      if (kind === 'vars') readVariable(inventory, group, text);
      else if (kind === 'children') {
        const name = text.split('#')[0]?.trim() ?? '';
        inventory.addChild(group, name);
        pending.push({
          line,
          group: name,
          text: `section [${group}:children] names ${name}, which is no group of this inventory.`,
        });
      } else readHosts(inventory, group, text);
    } catch (error) {
      throw at(`${error instanceof Error ? error.message : String(error)}.`);
    }
  }
  for (const one of pending)
    if (!declared.has(one.group)) throw problem(file.path, `line ${one.line}`, one.text);
}

function readVariable(inventory: Inventory, group: string, text: string): void {
  const cut = text.indexOf('=');
  if (cut < 1) throw new Error(`"${text.slice(0, 60)}" is no variable; write name=value`);
  inventory.group(group).vars[text.slice(0, cut).trim()] = pythonValue(text.slice(cut + 1).trim());
}

function readHosts(inventory: Inventory, group: string, text: string): void {
  const words = shellWords(text);
  if (words === null) throw new Error('a quote or a backslash stays open');
  const [pattern = '', ...assignments] = words;
  if (pattern.endsWith(':')) throw new Error(`host ${pattern} ends in ":", which is kept for a port`);
  const { names, port } = hostsOf(pattern);
  const vars: Record<string, unknown> = {};
  for (const word of assignments) {
    const cut = word.indexOf('=');
    if (cut < 1) throw new Error(`"${word.slice(0, 60)}" is no variable; write name=value`);
    vars[word.slice(0, cut)] = pythonValue(word.slice(cut + 1));
  }
  if (port !== null) vars.ansible_port = port;
  for (const name of names) inventory.addHost(name, group, vars);
}
