import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { readGroup, type TargetGroup } from './config.ts';
import { YamlField } from './yaml-field.ts';

/** Files that one pattern may find, and the size of one. */
const filesMax = 1_000;
const fileBytesMax = 16_777_216;

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';

/** What says that a file has changed. A file that is gone has the empty one. */
export async function stampOf(path: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(path);
    return `${mtimeMs}:${size}:${ino}`;
  } catch (error) {
    if (isMissing(error)) return '';
    throw error;
  }
}

/** The files that a pattern with `*` in its last part finds, sorted. */
async function matches(pattern: string): Promise<string[]> {
  if (!pattern.includes('*')) return [pattern];
  const source = basename(pattern)
    .split('*')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*');
  const wanted = new RegExp(`^${source}$`);
  try {
    const names = (await readdir(dirname(pattern))).filter((name) => wanted.test(name)).toSorted();
    return names.slice(0, filesMax).map((name) => join(dirname(pattern), name));
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

interface KnownFile {
  stamp: string;
  groups: TargetGroup[];
}

/**
 * The target groups of files, JSON or YAML, read again when a file changes. A file that can't be read keeps the groups that
 * it had, so that a half-written file does not make targets disappear; a file that is gone loses them.
 */
export class FileDiscovery {
  /** What is wrong with a file, by path. */
  readonly errors = new Map<string, string>();
  private known = new Map<string, KnownFile>();

  /** Reads what has changed; true when groups are different. */
  async refresh(patterns: readonly string[]): Promise<boolean> {
    const paths = new Set((await Promise.all(patterns.map(matches))).flat());
    const next = new Map<string, KnownFile>();
    let changed = false;
    for (const path of paths) {
      const before = this.known.get(path);
      const stamp = await stampOf(path);
      if (stamp === '') continue;
      if (before?.stamp === stamp) {
        next.set(path, before);
        continue;
      }
      next.set(path, { stamp, groups: (await this.read(path)) ?? before?.groups ?? [] });
      changed = true;
    }
    for (const path of this.known.keys()) {
      if (next.has(path)) continue;
      this.errors.delete(path);
      changed = true;
    }
    this.known = next;
    return changed;
  }

  async groups(patterns: readonly string[]): Promise<TargetGroup[]> {
    const paths = new Set((await Promise.all(patterns.map(matches))).flat());
    return [...paths].flatMap((path) => this.known.get(path)?.groups ?? []);
  }

  private async read(path: string): Promise<TargetGroup[] | undefined> {
    try {
      const { size } = await stat(path);
      if (size > fileBytesMax) throw new Error(`${path}: is larger than ${fileBytesMax} bytes`);
      // JSON is YAML.
      const items = YamlField.parse(path, await readFile(path, 'utf8')).items();
      const groups = items.map((item) => {
        const group = readGroup(item, path);
        group.labels.set('__meta_filepath', path);
        return group;
      });
      this.errors.delete(path);
      return groups;
    } catch (error) {
      this.errors.set(path, error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }
}
