import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ClewError } from '../../lib/index.ts';
import { parseReference } from '../rank/reference.ts';
import { timeOf } from './fields.ts';
import { csvCells, openLines } from './lines.ts';

const rowsMax = 1_000;

/** A row that a reference finds: its line and its columns as text. */
export interface FoundRow {
  line: number;
  columns: Record<string, string>;
}

/** The rows of a bundle that a reference of an answer leads to, first ones first. */
export async function rowsOfReference(dir: string, ref: string, limit = rowsMax): Promise<FoundRow[]> {
  const { file, where } = parseReference(ref);
  if (!/^[\w.-]+$/.test(file) || !existsSync(join(dir, file)))
    throw new ClewError('not_found', `${file} is not a file of ${dir}.`);
  const { from, to, contains, ...equals } = where;
  const found: FoundRow[] = [];
  let header: string[] | null = null;
  const take = (line: number, columns: Record<string, string>): void => {
    if (found.length >= limit) return;
    for (const [name, value] of Object.entries(equals)) if (columns[name] !== value) return;
    if (
      contains !== undefined &&
      !Object.values(columns).some((value) => squeezed(value).includes(squeezed(contains)))
    )
      return;
    if (from !== undefined && to !== undefined) {
      const at = timeOf(columns.ts ?? columns.start ?? '', 'ts');
      if (at < Date.parse(from) || at > Date.parse(to)) return;
    }
    found.push({ line, columns });
  };
  await openLines(dir, file.replace(/\.gz$/, '')).each(({ number, text }) => {
    if (/\.csv(\.gz)?$/.test(file)) {
      const cells = csvCells(text);
      if (header === null) header = cells;
      else take(number, Object.fromEntries(header.map((name, i) => [name, cells[i] ?? ''])));
      return;
    }
    take(number, textColumns(text));
  });
  return found;
}

const squeezed = (text: string): string => text.replace(/\s+/g, ' ');

function textColumns(text: string): Record<string, string> {
  try {
    const row = JSON.parse(text) as Record<string, unknown>;
    return Object.fromEntries(
      Object.entries(row).map(([name, value]) => [
        name,
        typeof value === 'string' ? value : JSON.stringify(value ?? ''),
      ]),
    );
  } catch {
    return {};
  }
}
