import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ClewError } from '../../lib/index.ts';
import { levelOf } from '../indicators/rows.ts';
import { parseReference } from '../rank/reference.ts';
import { attributesOf, timeOf } from './fields.ts';
import { csvCells, openLines } from './lines.ts';

const rowsMax = 1_000;

/** A row that a reference finds: its line and its columns as text. */
export interface FoundRow {
  line: number;
  columns: Record<string, string>;
}

/**
 * The rows of a bundle that a reference of an answer leads to, first ones first. A resource that tells nothing of itself is
 * found in the spans of those who called it.
 */
export async function rowsOfReference(dir: string, ref: string, limit = rowsMax): Promise<FoundRow[]> {
  const { file, where } = parseReference(ref);
  if (!/^[\w.-]+$/.test(file) || !existsSync(join(dir, file)))
    throw new ClewError('not_found', `${file} is not a file of ${dir}.`);
  const found = await rowsWhere(dir, file, conditionOf(where, false), limit);
  if (found.length > 0 || !file.startsWith('spans') || where.service === undefined) return found;
  return rowsWhere(dir, file, conditionOf(where, true), limit);
}

async function rowsWhere(
  dir: string,
  file: string,
  matches: (columns: Record<string, string>) => boolean,
  limit: number,
): Promise<FoundRow[]> {
  const found: FoundRow[] = [];
  let header: string[] | null = null;
  const take = (line: number, columns: Record<string, string>): void => {
    if (found.length < limit && matches(columns)) found.push({ line, columns });
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

/** `from` and `to` hold for the time, `contains` and `matches` for a text, `at_least` for the severity; others are equal. */
function conditionOf(where: Readonly<Record<string, string>>, called: boolean) {
  const { from, to, contains, matches, at_least: least, ...equals } = where;
  const expression = matches === undefined ? null : new RegExp(matches, 'iu');
  const { service = '', ...others } = equals;
  const exact = Object.entries(called ? others : equals);
  return (columns: Record<string, string>): boolean =>
    exact.every(([name, value]) => columns[name] === value) &&
    (!called || calls(columns, service)) &&
    (contains === undefined ||
      Object.values(columns).some((value) => squeezed(value).includes(squeezed(contains)))) &&
    (expression === null ||
      expression.test(columns.body ?? `${(columns.kind ?? '').toLowerCase()} ${columns.title ?? ''}`)) &&
    (least === undefined || levelOf((columns.severity ?? '').toUpperCase()) >= levelOf(least)) &&
    (from === undefined || to === undefined || within(columns, from, to));
}

function within(columns: Record<string, string>, from: string, to: string): boolean {
  const at = timeOf(columns.ts ?? columns.start ?? '', 'ts');
  return at >= Date.parse(from) && at <= Date.parse(to);
}

/** Whether a span names the resource as what it called: by an attribute, as an address, or as its own `mysql of cart`. */
function calls({ service = '', attributes = '' }: Record<string, string>, resource: string): boolean {
  const given = attributesOf(attributes === '' ? {} : (JSON.parse(attributes) as unknown), 'attributes');
  return Object.entries(given).some(
    ([key, value]) =>
      value === resource ||
      /^(?:\w+:\/\/)?(?:[^@/]*@)?([^:/?#]+)/.exec(value)?.[1] === resource ||
      (key.startsWith('db.system') && `${value} of ${service}` === resource),
  );
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
