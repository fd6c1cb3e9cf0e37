import { ClewError } from '../lib/index.ts';
import type { EpochMs } from '../model/index.ts';

/** A mined pattern of log messages, `<*>` marks a variable. */
export interface Template {
  id: string;
  template: string;
  /** What a person calls it; '' or absent when nobody named it. */
  name?: string;
  /** When the pattern was first seen at all; decides `is_new` where known. */
  firstSeen?: EpochMs;
}

/** What the pattern room knows about shapes (64-bit, decimal text). A shape it doesn't know yet is absent. */
export type TemplatesOf = (tenant: string, shapes: readonly string[]) => Promise<Map<string, Template>>;
/** The shapes that belong to a pattern; empty when there is no such pattern. */
export type ShapesOf = (tenant: string, patternId: string) => Promise<readonly string[]>;

export interface PatternLookup {
  templatesOf?: TemplatesOf;
  shapesOf?: ShapesOf;
}

// Patterns are mined two minutes behind; until then (and without a ledger) a shape stands for itself as `s<shape>`.
const shapePrefix = 's';
export const shapePatternId = (shape: string): string => `${shapePrefix}${shape}`;

/** Comma-separated pattern ids to shapes; an id that nothing knows is `not_found`. */
export async function shapesOfPattern(
  tenant: string,
  patternId: string,
  lookup: PatternLookup,
): Promise<string[]> {
  const shapes: string[] = [];
  for (const id of patternId.split(',')) {
    if (/^s\d{1,20}$/.test(id)) {
      shapes.push(id.slice(shapePrefix.length));
      continue;
    }
    const known = lookup.shapesOf ? await lookup.shapesOf(tenant, id) : [];
    if (known.length === 0)
      throw new ClewError('not_found', `There is no log pattern "${id}".`, { details: { pattern: id } });
    shapes.push(...known);
  }
  return shapes;
}

/** The id a row or a group of rows is shown under; null when the record had no body to take a shape of. */
export function patternIdOf(shape: string, templates: Map<string, Template>): string | null {
  return templates.get(shape)?.id ?? (shape === '0' ? null : shapePatternId(shape));
}

/** A template for a message that no miner has seen yet: tokens with digits or hexadecimal become `<*>`. */
export const collapseDigits = (message: string): string =>
  message
    .split(/\r?\n/, 1)[0]
    ?.slice(0, 400)
    .replace(/\b(?:0x)?[0-9a-f]{8,}\b|[^\s="',:;()[\]{}]*\d[^\s="',;()[\]{}]*/gi, '<*>') ?? '';
