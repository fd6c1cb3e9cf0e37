import { readYaml, type SourceFile } from '../read/file.ts';

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** The role that an entry of `roles:` or `dependencies:` means; '' when it names none. */
function roleName(entry: unknown): string {
  if (typeof entry === 'string') return entry;
  if (!isMap(entry)) return '';
  const name = entry.role ?? entry.name ?? entry.src;
  return typeof name === 'string' ? name : '';
}

export const rolePath = /(?:^|\/)roles\/([^/]+)\/meta\/main\.ya?ml$/;

/** Roles that a role needs: `roles/<role>/meta/main.yml`. */
export function readRoleMeta(file: SourceFile): { role: string; needs: string[] } {
  const role = rolePath.exec(file.path)?.[1] ?? '';
  const documents = readYaml(file, '1.1').map((document) => document.value);
  const needs = documents.filter(isMap).flatMap((meta) => list(meta.dependencies).map(roleName));
  return { role, needs: needs.filter((name) => name !== '') };
}

export interface Play {
  /** Names of groups and hosts in the pattern, those that are taken out again left away. */
  hosts: string[];
  roles: string[];
}

/** Is this a playbook: a list of plays? Files of tasks are lists too, but name no hosts. */
export function readPlaybook(file: SourceFile): Play[] {
  if (!/\.ya?ml$/.test(file.path) || !/^-\s|^\s+hosts:|\n\s*hosts:/m.test(file.text)) return [];
  return readYaml(file, '1.1').flatMap(({ value }) =>
    list(value)
      .filter(isMap)
      .filter((play) => play.hosts !== undefined)
      .map((play) => ({ hosts: hostsIn(play.hosts), roles: rolesIn(play) })),
  );
}

const hostsIn = (value: unknown): string[] =>
  [value]
    .flat()
    .filter((one): one is string => typeof one === 'string')
    .flatMap((pattern) => pattern.split(/[,:](?![^[]*\])/))
    .map((part) => part.trim())
    .filter((part) => part !== '' && !part.startsWith('!'))
    .map((part) => part.replace(/^&/, ''));

function rolesIn(play: Record<string, unknown>): string[] {
  const included = ['pre_tasks', 'tasks', 'post_tasks'].flatMap((key) =>
    list(play[key])
      .filter(isMap)
      .flatMap((task) =>
        ['include_role', 'import_role', 'ansible.builtin.include_role', 'ansible.builtin.import_role'].map(
          (action) => roleName(task[action]),
        ),
      ),
  );
  return [...new Set([...list(play.roles).map(roleName), ...included])].filter(
    (name) => name !== '' && !name.includes('{{'),
  );
}
