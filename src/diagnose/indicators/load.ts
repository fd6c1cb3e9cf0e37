import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { ClewError } from '../../lib/index.ts';
import { type Indicator, indicatorSchema } from './schema.ts';

/** Files of one directory; each is judged on every incident. */
const filesMax = 500;

/**
 * The checks of catalogue directories, `<dir>/checks/*.yaml`, one a file; a later one with the same id takes the place of the
 * earlier. A file that can't be read is an error that names it and the field, for a check that is silently missing looks
 * like health.
 */
export function loadIndicators(catalogDirs: readonly string[]): Indicator[] {
  const found = new Map<string, Indicator>();
  for (const dir of catalogDirs) {
    for (const path of filesOf(join(dir, 'checks'))) {
      const indicator = parseIndicator(readFileSync(path, 'utf8'), path);
      found.set(indicator.id, indicator);
    }
  }
  return [...found.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

function filesOf(folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw new ClewError('unprocessable', `${folder}: can't be read: ${String(error)}`, { cause: error });
  }
  const files = names.filter((name) => /\.ya?ml$/.test(name)).sort();
  if (files.length > filesMax)
    throw new ClewError('unprocessable', `${folder}: ${files.length} files; at most ${filesMax} are read.`);
  return files.map((name) => join(folder, name));
}

export function parseIndicator(text: string, source: string): Indicator {
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    throw new ClewError('unprocessable', `${source}: not YAML: ${String(error)}`, { cause: error });
  }
  const checked = indicatorSchema.safeParse(document);
  if (checked.success) return checked.data;
  const issue = checked.error.issues[0];
  const field = issue?.path.map(String).join('.') || '(file)';
  throw new ClewError('unprocessable', `${source}: ${field}: ${issue?.message ?? 'is not valid'}`, {
    details: { file: source, field },
  });
}
