import type { Vars } from './inventory.ts';

/** What the variables of a host name as needed: an address with what speaks there, or a group of hosts. */
export type Need =
  | { kind: 'database'; system: string; host: string; database: string }
  | { kind: 'address'; host: string; port: string }
  | { kind: 'group'; name: string };

const databaseSchemes: Readonly<Record<string, string>> = {
  postgres: 'postgresql',
  postgresql: 'postgresql',
  mysql: 'mysql',
  mariadb: 'mariadb',
  mongodb: 'mongodb',
  redis: 'redis',
  rediss: 'redis',
};
/** Names whose value is the address of something that the host needs. */
const addressName =
  /(^|_)((upstreams?|backends?)(_(hosts?|servers?|address(es)?|urls?))?|(db|database|postgres(ql)?|mysql|redis|mongo(db)?|kafka|rabbitmq|amqp|memcached|elasticsearch|ldap|smtp|nfs|broker|queue|cache|master|primary|replica|api|proxy)_(host|hosts|address|addresses|server|servers|endpoint|endpoints|url|urls|brokers))$/i;
const hostPort = /^([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::(\d{1,5}))?$/i;
/** Texts looked at per host, and how deep values are followed. */
const textsMax = 2_000;
const depthMax = 6;

/** Reads connection strings, upstreams and groups out of a host's merged variables. Credentials are read over, never kept. */
export function needsOf(vars: Vars): Need[] {
  const found = new Map<string, Need>();
  const add = (need: Need) => found.set(JSON.stringify(need), need);
  let left = textsMax;
  const visit = (name: string, value: unknown, depth: number): void => {
    if (depth > depthMax || left <= 0) return;
    if (typeof value === 'string') {
      left--;
      for (const need of needsIn(name, value, vars)) add(need);
    } else if (Array.isArray(value)) for (const each of value) visit(name, each, depth + 1);
    else if (typeof value === 'object' && value !== null)
      for (const [key, each] of Object.entries(value))
        visit(
          Array.isArray(value) ? name : key === 'host' || key === 'address' ? `${name}_host` : key,
          each,
          depth + 1,
        );
  };
  for (const [name, value] of Object.entries(vars)) if (!name.startsWith('ansible_')) visit(name, value, 0);
  return [...found.values()];
}

function needsIn(name: string, raw: string, vars: Vars): Need[] {
  if (raw.length > 4_000) return [];
  const groups = [...raw.matchAll(/\bgroups\[['"]([\w.-]+)['"]\]|\bgroups\.(\w+)/g)].map(
    (match): Need => ({ kind: 'group', name: match[1] ?? match[2] ?? '' }),
  );
  const value = filled(raw, vars);
  const urls = [
    ...value.matchAll(
      /\b([a-z][a-z0-9+.-]*):\/\/(?:[^@/\s]*@)?([a-z0-9][a-z0-9.-]*)(?::(\d{1,5}))?(?:\/([\w-]*))?/gi,
    ),
  ].map((match): Need => {
    const [, scheme = '', host = '', port = '', path = ''] = match;
    const system = databaseSchemes[scheme.toLowerCase().replace(/\+.*$/, '')];
    return system === undefined
      ? { kind: 'address', host, port }
      : { kind: 'database', system, host, database: path };
  });
  const plain =
    urls.length > 0 || !addressName.test(name)
      ? []
      : value.split(/[,\s]+/).flatMap((part): Need[] => {
          const match = hostPort.exec(part);
          return match === null ? [] : [{ kind: 'address', host: match[1] ?? '', port: match[2] ?? '' }];
        });
  return [...groups, ...urls, ...plain];
}

/** Simple references to other variables, so that `postgres://{{ db_host }}/shop` names its host. Others stay as they are. */
function filled(text: string, vars: Vars, depth = 0): string {
  if (depth > 3 || !text.includes('{{')) return text;
  return filled(
    text.replaceAll(/\{\{\s*([a-zA-Z_]\w*)\s*\}\}/g, (whole, name: string) => {
      const value = vars[name];
      return typeof value === 'string' || typeof value === 'number' ? String(value) : whole;
    }),
    vars,
    depth + 1,
  );
}
