import { existsSync, readFileSync } from 'node:fs';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { ClewError } from '../lib/index.ts';
import { type Config, configSchema } from './schema.ts';

export interface ConfigSources {
  env: Record<string, string | undefined>;
  /** `--http-port` as `http-port`; values as typed. */
  flags: Record<string, string | undefined>;
  /** Path of the YAML file; when not given, `clew.yaml` in the working directory is used if it exists. */
  file?: string;
}

/** One leaf of the schema and its names in every source. */
export interface ConfigKey {
  path: string[];
  yaml: string;
  env: string;
  flag: string;
  description: string;
  fallback: unknown;
}

type JsonSchema = {
  type?: string;
  properties?: Record<string, JsonSchema>;
  description?: string;
  default?: unknown;
};

const words = (name: string): string[] =>
  name
    .replace(/([A-Z])/g, ' $1')
    .toLowerCase()
    .split(' ');
const snake = (name: string): string => words(name).join('_');

function valueAt(tree: unknown, path: readonly string[]): unknown {
  let value = tree;
  for (const name of path)
    value = typeof value === 'object' && value !== null ? (value as Tree)[name] : undefined;
  return value;
}

/** Every setting, in the order of the schema. */
export function configKeys(): ConfigKey[] {
  const root = z.toJSONSchema(configSchema, { io: 'input' }) as JsonSchema;
  const fallbacks: unknown = configSchema.parse({});
  const found: ConfigKey[] = [];
  const walk = (schema: JsonSchema, path: string[]) => {
    if (schema.properties) {
      for (const [name, child] of Object.entries(schema.properties)) walk(child, [...path, name]);
      return;
    }
    const parts = path.flatMap(words);
    found.push({
      path,
      yaml: path.map(snake).join('.'),
      env: `CLEW_${parts.join('_').toUpperCase()}`,
      flag: parts.join('-'),
      description: schema.description ?? '',
      fallback: valueAt(fallbacks, path),
    });
  };
  walk(root, []);
  return found;
}

type Tree = { [key: string]: unknown };

function put(tree: Tree, path: readonly string[], value: unknown): void {
  const [head, ...rest] = path;
  if (head === undefined) return;
  if (rest.length === 0) {
    tree[head] = value;
    return;
  }
  const child = tree[head];
  const next: Tree = typeof child === 'object' && child !== null ? (child as Tree) : {};
  tree[head] = next;
  put(next, rest, value);
}

const camel = (name: string): string =>
  name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

function camelKeys(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [camel(key), camelKeys(child)]));
}

function readFileTree(path: string | undefined): Tree {
  const file = path ?? 'clew.yaml';
  if (!existsSync(file)) {
    if (path !== undefined) throw new ClewError('bad_request', `Configuration file ${path} does not exist.`);
    return {};
  }
  try {
    const tree = camelKeys(parseYaml(readFileSync(file, 'utf8')) ?? {});
    if (typeof tree !== 'object' || tree === null || Array.isArray(tree))
      throw new Error('the top level must be a mapping');
    return tree as Tree;
  } catch (cause) {
    // The parser goes on with the lines around the place.
    const [reason = ''] = (cause instanceof Error ? cause.message : String(cause)).split(/:?\n/);
    throw new ClewError('bad_request', `Configuration file ${file} can't be read: ${reason}.`, { cause });
  }
}

function envValue(env: ConfigSources['env'], name: string): string | undefined {
  const file = env[`${name}_FILE`];
  if (env[name] === undefined && file) return readFileSync(file, 'utf8').trim();
  return env[name];
}

/** ` Did you mean …?` with the known name that a typing error may have meant; '' when none is near. */
function suggestion(given: string, known: readonly string[]): string {
  const bare = (name: string) => name.toLowerCase().replace(/[^a-z0-9]/g, '');
  const wanted = bare(given);
  const near = known
    .map((name) => ({ name, typos: typosBetween(wanted, bare(name)) }))
    .sort((a, b) => a.typos - b.typos)[0];
  return near !== undefined && near.typos <= (wanted.length < 5 ? 1 : Math.max(2, wanted.length / 5))
    ? ` Did you mean ${near.name}?`
    : '';
}

/** Letters to add, leave out or change (Levenshtein). */
function typosBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(
        (row[j] ?? 0) + 1,
        (next[j - 1] ?? 0) + 1,
        (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1),
      );
    row = next;
  }
  return row[b.length] ?? 0;
}

/** Environment names that begin with CLEW_ but are no setting of ours would otherwise be silent typos. */
function refuseUnknownNames(sources: ConfigSources, keys: ConfigKey[]): void {
  const envs = new Set(keys.flatMap((key) => [key.env, `${key.env}_FILE`]).concat('CLEW_CONFIG'));
  for (const name of Object.keys(sources.env)) {
    if (name.startsWith('CLEW_') && !envs.has(name))
      throw new ClewError(
        'bad_request',
        `Environment variable ${name} is not a setting of Clew.${suggestion(name, [...envs])}`,
      );
  }
  const flags = new Set(keys.map((key) => key.flag));
  for (const name of Object.keys(sources.flags)) {
    if (!flags.has(name))
      throw new ClewError(
        'bad_request',
        `Flag --${name} is not a setting of Clew.${suggestion(name, [...flags]).replace('mean ', 'mean --')}`,
      );
  }
}

export function loadConfig(sources: ConfigSources): Config {
  const keys = configKeys();
  refuseUnknownNames(sources, keys);
  const tree = readFileTree(sources.file ?? sources.env.CLEW_CONFIG);
  for (const key of keys) {
    const value = sources.flags[key.flag] ?? envValue(sources.env, key.env);
    if (value !== undefined) put(tree, key.path, value);
  }
  const parsed = configSchema.safeParse(tree);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.flatMap((issue) => {
    const path = issue.path.map((part) => snake(String(part))).join('.');
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((name) => unknownKey(path, snake(name), keys));
    const key = keys.find((candidate) => candidate.path.join('.') === issue.path.join('.'));
    const value = valueAt(tree, issue.path.map(String));
    return `${path || '(top level)'}${shown(path, value)}: ${issue.message.replace(', received NaN', '')}${key ? ` (set by ${key.yaml}, ${key.env} or --${key.flag})` : ''}`;
  });
  throw new ClewError('bad_request', `The configuration is not valid:\n  ${lines.join('\n  ')}`);
}

function unknownKey(path: string, name: string, keys: readonly ConfigKey[]): string {
  const given = path === '' ? name : `${path}.${name}`;
  const known = keys.flatMap(({ yaml }) => yaml.split('.').map((_, i, all) => all.slice(0, i + 1).join('.')));
  return `${given} is not a setting of Clew.${suggestion(given, [...new Set(known)])}`;
}

const shownCharsMax = 60;

/** What was given, unless it may be a secret. */
function shown(path: string, value: unknown): string {
  if (value === undefined || /token|password|secret|key|url/.test(path)) return '';
  const text = JSON.stringify(value) ?? '';
  return ` is ${text.length > shownCharsMax ? `${text.slice(0, shownCharsMax)}…` : text}`;
}

const loopback = (host: string): boolean => host === 'localhost' || host === '::1' || /^127\./.test(host);

/** Beyond loopback Clew starts only with credentials; and tokens of tenants need one that stands above them. */
export function requireCredentialsBeyondLoopback(config: Config): void {
  if (config.auth.tokensFile !== '' && config.auth.token === '') {
    throw new ClewError(
      'bad_request',
      `auth.tokens_file is ${config.auth.tokensFile}, but auth.token is empty: then nobody could ask for health or storage of the whole server, and whoever sends no token would be taken in. Set CLEW_AUTH_TOKEN (or CLEW_AUTH_TOKEN_FILE).`,
    );
  }
  for (const [name, host] of [
    ['http.host', config.http.host],
    ['otlp_http.host', config.otlpHttp.host],
    ['otlp_grpc.host', config.otlpGrpc.host],
  ] as const) {
    if (!loopback(host) && config.auth.token === '') {
      throw new ClewError(
        'bad_request',
        `${name} is ${host}, which is reachable from other machines, but auth.token is empty. Set CLEW_AUTH_TOKEN (or CLEW_AUTH_TOKEN_FILE), or listen on 127.0.0.1.`,
      );
    }
  }
}

/** Syslog knows no credentials: beyond loopback somebody must have said who may send. */
export function requireAllowBeyondLoopback({ syslog }: Pick<Config, 'syslog'>): void {
  for (const name of ['tcp', 'udp', 'tls'] as const) {
    const { enabled, host } = syslog[name];
    if (!enabled || loopback(host) || syslog.allow.length > 0) continue;
    throw new ClewError(
      'bad_request',
      `syslog.${name}.host is ${host}, which is reachable from other machines, but syslog.allow is empty. Set CLEW_SYSLOG_ALLOW to the networks that may send (for example 10.0.0.0/8), or listen on 127.0.0.1.`,
    );
  }
}
