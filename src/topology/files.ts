import { lstat, readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { isClewError } from '../lib/index.ts';
import { problem, type SourceFile } from './read/file.ts';

/** Bounds of one configured directory. */
export const filesMax = 5_000;
export const fileBytesMax = 33_554_432;
export const directoryBytesMax = 268_435_456;
const depthMax = 12;
/** What tools keep for themselves and version control holds. */
const skipped = /^(\.git|\.terraform|\.pulumi|node_modules|\.venv|__pycache__|\.cache)$/;

/** Files below a directory, by path; a directory that does not exist has none. Links that lead out of it are not followed. */
export async function filesBelow(root: string): Promise<{ paths: string[]; leftOut: number } | null> {
  const base = await realpath(root).catch(() => null);
  if (base === null) return null;
  const paths: string[] = [];
  let leftOut = 0;
  const visit = async (dir: string, depth: number): Promise<void> => {
    const names = (await readdir(dir)).sort();
    for (const name of names) {
      const path = join(dir, name);
      const kind = await kindOf(path, base);
      if (
        kind === 'directory' &&
        !skipped.test(name) &&
        depth < depthMax &&
        !(name.startsWith('..') && depth === 0)
      )
        await visit(path, depth + 1);
      else if (kind === 'file' && paths.length >= filesMax) leftOut++;
      else if (kind === 'file') paths.push(relative(base, path));
    }
  };
  await visit(base, 0);
  return { paths, leftOut };
}

async function kindOf(path: string, base: string): Promise<'file' | 'directory' | 'other'> {
  const own = await lstat(path);
  if (!own.isSymbolicLink()) return own.isDirectory() ? 'directory' : own.isFile() ? 'file' : 'other';
  const target = await realpath(path).catch(() => '');
  if (!target.startsWith(base + sep)) return 'other';
  // A linked directory would be read twice, or for ever.
  return (await stat(target)).isFile() ? 'file' : 'other';
}

/** Reads a file as UTF-8. Throws `unprocessable` naming it when it is too large or no text. */
export async function readSource(root: string, path: string): Promise<SourceFile> {
  try {
    const full = join(root, path);
    const { size } = await stat(full);
    if (size > fileBytesMax) throw problem(path, '', `has ${size} bytes; the limit is ${fileBytesMax}.`);
    return { path, text: new TextDecoder('utf-8', { fatal: true }).decode(await readFile(full)) };
  } catch (error) {
    if (isClewError(error)) throw error;
    if (error instanceof TypeError) throw problem(path, '', 'is no UTF-8 text.');
    throw problem(path, '', `can't be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}
