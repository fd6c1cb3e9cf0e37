import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { ClewError } from '../lib/index.ts';

/** Files of one folder of a catalogue, and the size of one: more is a mistake, not a catalogue. */
const filesMax = 500;
const fileBytesMax = 1_048_576;

export interface CatalogText {
  /** Path, for messages. */
  source: string;
  text: string;
}

/** `<dir>/<folder>/*.yaml` of every directory, in the order of the directories and then of the names. */
export async function readCatalogFolder(dirs: readonly string[], folder: string): Promise<CatalogText[]> {
  const found: CatalogText[] = [];
  for (const dir of dirs) {
    const path = join(dir, folder);
    const names = await readdir(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw new ClewError('unprocessable', `${path}: cannot be read: ${error.message}`, { cause: error });
    });
    const files = names.filter((name) => /\.ya?ml$/.test(name)).sort();
    if (files.length > filesMax)
      throw new ClewError('unprocessable', `${path}: ${files.length} files; at most ${filesMax} are read.`);
    for (const name of files) {
      const source = join(path, name);
      found.push({ source, text: await readFile(source, 'utf8') });
    }
  }
  return found;
}

/** A document of YAML and the line at which each of its fields stands. */
export interface Parsed<T> {
  value: T;
  /** The error for a field that is wrong in a way that the schema can't see. */
  wrong(path: readonly PropertyKey[], message: string): ClewError;
}

/** Parses and checks one file; the error names file, line and field. */
export function parseYamlFile<S extends z.ZodType>(file: CatalogText, schema: S): Parsed<z.output<S>> {
  const { source, text } = file;
  if (text.length > fileBytesMax)
    throw new ClewError(
      'unprocessable',
      `${source}: ${text.length} characters; at most ${fileBytesMax} are read.`,
    );
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const [broken] = document.errors;
  if (broken !== undefined) {
    const line = broken.linePos?.[0].line ?? 1;
    throw new ClewError('unprocessable', `${source}:${line}: not YAML: ${broken.message.split('\n')[0]}`, {
      details: { file: source, line },
    });
  }
  const wrong = (path: readonly PropertyKey[], message: string): ClewError => {
    const line = lineOf(path);
    const field = path.map(String).join('.') || '(file)';
    return new ClewError('unprocessable', `${source}:${line}: ${field}: ${message}`, {
      details: { file: source, line, field },
    });
  };
  // The nearest field that is there: one that is missing has no line of its own.
  const lineOf = (path: readonly PropertyKey[]): number => {
    for (let length = path.length; length > 0; length--) {
      const node: unknown = document.getIn(path.slice(0, length), true);
      const range = typeof node === 'object' && node !== null && 'range' in node ? node.range : undefined;
      if (Array.isArray(range)) return lines.linePos(Number(range[0])).line;
    }
    return 1;
  };
  let plain: unknown;
  try {
    plain = document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (error) {
    throw wrong([], `not YAML: ${error instanceof Error ? error.message : error}`);
  }
  const checked = schema.safeParse(plain);
  if (checked.success) return { value: checked.data, wrong };
  const issue = checked.error.issues[0];
  throw wrong(issue?.path ?? [], issue?.message ?? 'is not valid');
}
