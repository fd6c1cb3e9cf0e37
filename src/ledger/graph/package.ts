import { createRequire } from 'node:module';

/** Whether AGE for the embedded engine is installed; who needs no Cypher may leave the package out. */
export function hasAgePackage(): boolean {
  try {
    createRequire(import.meta.url).resolve('@electric-sql/pglite-age');
    return true;
  } catch {
    return false;
  }
}
