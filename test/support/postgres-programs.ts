/** Whether and where PostgreSQL's programs are installed. No import of ours: the configuration of the tests reads this too. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Where Debian, and then everyone else, puts the server's programs. */
export function programsDir(): string | null {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...versions.map((version) => join(root, version, 'bin')),
    ...(process.env.PATH ?? '').split(':'),
  ];
  return folders.find((folder) => existsSync(join(folder, 'initdb'))) ?? null;
}

/** Why no server can be had here; null when one can. */
export const postgresMissing: string | null =
  (process.env.CLEW_TEST_PG_URL ?? '') !== '' || programsDir() !== null
    ? null
    : "PostgreSQL is not installed (Debian's package postgresql)";
