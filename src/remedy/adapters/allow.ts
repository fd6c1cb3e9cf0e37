import { existsSync, realpathSync } from 'node:fs';
import { isAbsolute } from 'node:path';

/** Harmless programs that every installation may start, by their usual places. */
const always: Readonly<Record<string, readonly string[]>> = {
  echo: ['/usr/bin/echo', '/bin/echo'],
  true: ['/usr/bin/true', '/bin/true'],
};

export interface Program {
  /** As configured. */
  path: string;
  /** Where it led when the program started; a link that is bent later no longer matches. */
  real: string;
}

export type Resolved = { ok: true; path: string } | { ok: false; problem: string };

const realOf = (path: string): string | null => (existsSync(path) ? realpathSync(path) : null);

/** The programs that script.exec may start. Entries that don't exist are kept: they may be installed later. */
export function allowedPrograms(allow: readonly string[]): Program[] {
  const usual = Object.values(always).flatMap((places) =>
    places.filter((place) => existsSync(place)).slice(0, 1),
  );
  return [...usual, ...allow].map((path) => ({ path, real: realOf(path) ?? path }));
}

/**
 * The path to start for what a step names: an allow-listed absolute path, or the bare name of a program that is always
 * allowed. Both the name and where it leads must match, so a link to an allowed program under another name is refused,
 * and so is an allowed link that was bent to something else.
 */
export function resolveProgram(name: string, programs: readonly Program[]): Resolved {
  const usual = (always[name] ?? []).find((place) => existsSync(place));
  const path = isAbsolute(name) ? name : usual;
  if (path === undefined)
    return refused(name, 'name it by its absolute path, which must stand in remedy.script_allow');
  const real = realOf(path);
  const known = programs.find((program) => program.path === path || program.real === path);
  if (!known)
    return refused(name, 'it does not stand in remedy.script_allow, or its tenant not in remedy.tenants');
  if (real === null) return { ok: false, problem: `Program ${path} does not exist.` };
  const expected = realOf(known.path);
  if (real !== expected || (known.real !== expected && known.real !== known.path))
    return refused(name, `it leads to ${real}, which is not what was allowed`);
  return { ok: true, path };
}

const refused = (name: string, hint: string): Resolved => ({
  ok: false,
  problem: `Program ${JSON.stringify(name.slice(0, 200))} may not be started; ${hint}.`,
});

/** An origin (scheme://host:port) in its normal form, or null. */
export function originOf(text: string): string | null {
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  return url.protocol === 'http:' || url.protocol === 'https:' ? url.origin : null;
}

export function checkOrigin(url: string, allow: readonly string[]): string | null {
  const origin = originOf(url);
  if (origin === null) return `params.url ${JSON.stringify(url.slice(0, 200))} is no http or https address`;
  const { username, password } = new URL(url);
  if (username !== '' || password !== '') return 'params.url must not carry credentials';
  if (allow.some((allowed) => originOf(allowed) === origin)) return null;
  return `params.url leads to ${origin}, which is not in remedy.http_allow, or its tenant not in remedy.tenants`;
}
