import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Catalogue that ships with the program. */
const builtIn = fileURLToPath(new URL('../../catalog/', import.meta.url));

export interface CatalogFile {
  /** Path as a person finds it. */
  path: string;
  name: string;
  text: string;
}

/**
 * Files of one kind from the built-in catalogue and the directories of `catalog.dirs`, in that order; a file of the same
 * name in a later directory replaces the earlier one.
 */
export function readCatalog(kind: string, dirs: readonly string[], pattern: RegExp): CatalogFile[] {
  const files = new Map<string, CatalogFile>();
  for (const dir of [builtIn, ...dirs]) {
    const folder = join(dir, kind);
    if (!existsSync(folder)) continue;
    for (const name of readdirSync(folder).sort()) {
      if (!pattern.test(name)) continue;
      const path = join(folder, name);
      files.set(name, { path, name, text: readFileSync(path, 'utf8') });
    }
  }
  return [...files.values()];
}
