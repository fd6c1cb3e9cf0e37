/** Clew's reading of inventories against Debian's `ansible-inventory --list`: the same hosts, groups and variables. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { readInventory } from '../../src/topology/ansible/project.ts';
import { inventoryDirs } from '../../src/topology/ansible/read.ts';

const program = ['/usr/bin/ansible-inventory', '/usr/local/bin/ansible-inventory'].find((path) =>
  existsSync(path),
);
const reason = program === undefined ? ' (skipped: Debian’s ansible-core is not installed)' : '';
const dirs: string[] = [];
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});

function project(files: Record<string, string>): string {
  const dir = mkdtempSync(join(tmpdir(), 'clew-ansible-'));
  dirs.push(dir);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  }
  return dir;
}

interface Listed {
  hostvars: Record<string, unknown>;
  groups: Record<string, { hosts: string[]; children: string[] }>;
}

type Answer = { _meta: { hostvars: Record<string, unknown> } } & Record<
  string,
  { hosts?: string[]; children?: string[] }
>;

function asked(dir: string): Listed {
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: dir,
    ANSIBLE_LOCALHOST_WARNING: 'false',
    LC_ALL: 'C.UTF-8',
  };
  const text = execFileSync(program ?? '', ['-i', dir, '--list'], {
    env,
    cwd: dir,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const { _meta, ...groups } = JSON.parse(text) as Answer;
  const sorted = (list: string[] | undefined) =>
    [...(list ?? [])].filter((name) => name !== 'ungrouped').sort();
  return {
    hostvars: _meta.hostvars,
    groups: Object.fromEntries(
      Object.entries(groups).map(([name, group]) => [
        name,
        { hosts: sorted(group.hosts), children: sorted(group.children) },
      ]),
    ),
  };
}

function read(dir: string): Listed {
  const paths = readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)))
    .filter((path) => !path.startsWith('.'))
    .sort();
  const files = paths.map((path) => ({ path, text: readFileSync(join(dir, path), 'utf8') }));
  const inventory = readInventory('.', inventoryDirs(files).get('.') ?? [], files);
  const hostvars = Object.fromEntries(
    [...inventory.hostVars()].filter(([, vars]) => Object.keys(vars).length > 0),
  );
  const groups: Listed['groups'] = {};
  for (const group of inventory.groups.values()) {
    const hosts = [...group.hosts].sort();
    // Which of the two tells of the empty group of the ungrouped differs from version to version.
    const children = [...group.children].filter((name) => name !== 'ungrouped').sort();
    if (hosts.length + children.length > 0) groups[group.name] = { hosts, children };
  }
  return { hostvars, groups };
}

const ini = `
# a comment
lonely.example.com ansible_host=10.9.9.9
[web]
web[01:20].example.com http_port=80 flags="['a', 'b']"
web[1:10:3]
[a:c].example.com:2222
; another comment
web01.example.com motd="it's \\"here\\"" note='a b' # trailing
[db]
db01 ansible_host=192.0.2.10 mode=0644 ratio=1.5 big=1_000 neg=-3 hex=0x1f on=True off=false nothing=None
db02 dict="{'a': [1, 2], 'b': {'c': (1, 2)}}" tuple="(1,)" s="'quoted'" url=postgres://u:p@db01:5432/shop
[shop:children]
web
db
[eu:children]
shop
[eu:vars]
region = eu-central
port=8080
list=[1, 2, {'a': None}]
text = not [a list
quoted="in quotes"
[shop:vars]
region=shop
[all:vars]
region=everywhere
timezone=UTC
`;
const yaml = `---
all:
  hosts:
    mail.example.com:
  vars: { ntp: pool.example.com, yes_value: yes, octal: 0755, when: 2026-11-20 }
  children:
    webservers:
      hosts:
        foo[1:3].example.com: { weight: 5 }
        bar.example.com:
      vars: { http_port: 80, nested: { a: [1, 2] } }
    dbservers:
      hosts:
        one.example.com: {}
        two.example.com:
          role: replica
      children:
        spare:
    prod:
      children: { webservers: , dbservers: { vars: { tier: data } } }
      vars: { tier: prod, ansible_group_priority: 1 }
`;

describe.runIf(program !== undefined)('inventories are read as ansible-inventory reads them', () => {
  it('an INI inventory: ranges, children, variables, types, quoting, ports', () => {
    const dir = project({ hosts: ini });
    expect(read(dir)).toEqual(asked(dir));
  });

  it('a YAML inventory: nested groups, groups named twice, values of YAML 1.1', () => {
    const dir = project({ 'inventory.yml': yaml.replace(', when: 2026-11-20', '') });
    expect(read(dir)).toEqual(asked(dir));
  });

  it('variables in files: all, groups by depth and name, hosts, directories of files, JSON', () => {
    const dir = project({
      hosts: `${ini}\n[zeta]\ndb01\n[alpha]\ndb01 own=inventory\n`,
      'group_vars/all.yml': 'region: file-all\nfrom_all: 1\n',
      'group_vars/eu.yaml': 'region: file-eu\nport: 9090\n',
      'group_vars/zeta.yml': 'tie: zeta\n',
      'group_vars/alpha.yml': 'tie: alpha\n',
      'group_vars/web/b.yml': 'part: b\nshared: b\n',
      'group_vars/web/a.yml': 'part: a\nonly_a: true\n',
      'group_vars/web/.hidden.yml': 'part: hidden\n',
      'group_vars/db.json': '{"json": {"a": 1}}',
      'host_vars/db01.yml': 'own: file\nregion: file-host\n',
      'host_vars/web02.example.com': 'extensionless: true\n',
    });
    expect(read(dir)).toEqual(asked(dir));
  });

  it('priority decides between groups of one depth', () => {
    const dir = project({
      hosts: '[a]\nh\n[b]\nh\n[a:vars]\nx=a\nansible_group_priority=10\n[b:vars]\nx=b\n',
    });
    expect(read(dir)).toEqual(asked(dir));
  });

  it('several files of one directory are one inventory', () => {
    const dir = project({
      hosts: '[web]\nw1 a=1\n',
      'inventory.yml': 'web:\n  hosts:\n    w1: { a: 2, b: 3 }\n    w2:\n',
    });
    expect(read(dir)).toEqual(asked(dir));
  });

  it('what it refuses, we refuse', () => {
    for (const text of [
      '[web:childs]\na\n',
      '[web:children]\nnone\n',
      '[none:vars]\na=1\n',
      '[web]\na b\n',
      '[web]\nw[3:1]\n',
      '[web]\nw[01:5]\n',
      '[a:children]\nb\n[b:children]\na\n',
      '[web\na\n',
    ]) {
      const dir = project({ hosts: text });
      expect(() => read(dir), text).toThrow(/^hosts: line \d+: /);
      expect(Object.keys(asked(dir).groups), text).not.toContain('web');
    }
  });
});

it.skipIf(program !== undefined)(`inventories are compared with ansible-inventory${reason}`, () => undefined);
