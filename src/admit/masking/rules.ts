import { z } from 'zod';
import { ClewError, type Clock } from '../../lib/index.ts';
import { type CatalogText, parseYamlFile, readCatalogFolder } from '../catalog-file.ts';
import type { Anchor } from './anchors.ts';
import { type CheckName, checkNames } from './checks.ts';
import { ownPatternProblem, patternProblem } from './pattern-safety.ts';

const rulesMax = 200;
const anchorsMax = 100;
/** Shorter ones need a comparison each in the hottest loop; the product's own have used up the two that are there. */
const ownAnchorCharsMin = 5;
const keysMax = 500;
const patternCharsMax = 2_000;

export const replacements = ['name', 'keep_last_4', 'hash'] as const;
export type Replacement = (typeof replacements)[number];

export interface MaskingRule {
  name: string;
  about: string;
  /** Source of a regular expression; a group named `keep` stays. */
  pattern: string;
  ignoreCase: boolean;
  anchors: readonly string[];
  /** Anchors count only before `=` or `:`, or only before a letter or digit. */
  followedBy: Anchor['followedBy'];
  digits: boolean;
  /** Of a rule about numbers: with which digits one of so many may begin; any, where nothing is said. */
  firstDigits: Readonly<Record<string, string>> | null;
  atSign: boolean;
  check: CheckName | null;
  replace: Replacement;
  enabled: boolean;
  /** Of the product itself: its pattern is known to run in linear time on any text. */
  builtIn: boolean;
}

export interface MaskingCatalog {
  rules: MaskingRule[];
  /** `password`, or `*password` for any key that ends so. */
  keys: string[];
  keysKept: string[];
}

const name = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,40}$/, 'must be lower-case letters, digits and _, at most 41');
const keyPattern = z
  .string()
  .regex(/^\*?[a-z0-9_]{2,60}$/, 'must be lower-case letters, digits and _, with * at the beginning only');
const ruleSchema = z.strictObject({
  name,
  about: z.string().max(300).optional(),
  pattern: z.string().min(1).max(patternCharsMax).optional(),
  ignore_case: z.boolean().optional(),
  anchors: z.array(z.string().min(4).max(100)).max(anchorsMax).optional(),
  followed_by: z.enum(['assignment', 'word']).optional(),
  digits: z.boolean().optional(),
  first_digits: z
    .record(
      z.string().regex(/^1[1-9]$/, 'must be a length from 11 to 19'),
      z.string().regex(/^\d{1,10}$/, 'must be digits'),
    )
    .optional(),
  at_sign: z.boolean().optional(),
  check: z.enum(checkNames).optional(),
  replace: z.enum(replacements).optional(),
  enabled: z.boolean().optional(),
});
const fileSchema = z.strictObject({
  rules: z.array(ruleSchema).max(rulesMax).default([]),
  keys: z.array(keyPattern).max(keysMax).default([]),
  keys_kept: z.array(keyPattern).max(keysMax).default([]),
});

/**
 * Rules of the files in their order. A rule of a name that is known changes that rule's fields, so that a file of three
 * lines can set how phone numbers are replaced. `builtIn` says which files are the product's own.
 */
export function parseMasking(
  files: readonly (CatalogText & { builtIn: boolean })[],
  clock: Clock,
): MaskingCatalog {
  const rules = new Map<string, MaskingRule>();
  const keys = new Set<string>();
  const keysKept = new Set<string>();
  for (const file of files) {
    const { value, wrong } = parseYamlFile(file, fileSchema);
    for (const [index, given] of value.rules.entries()) {
      const known = rules.get(given.name);
      const pattern = given.pattern ?? known?.pattern;
      if (pattern === undefined)
        throw wrong(
          ['rules', index, 'pattern'],
          `is missing, and there is no rule "${given.name}" before this one`,
        );
      if (given.pattern !== undefined) {
        const problem = file.builtIn
          ? patternProblem(pattern)
          : ownPatternProblem(pattern, given.ignore_case ?? false, clock);
        if (problem !== null) throw wrong(['rules', index, 'pattern'], problem);
      }
      const short = file.builtIn
        ? -1
        : (given.anchors ?? []).findIndex((text) => text.length < ownAnchorCharsMin);
      if (short >= 0)
        throw wrong(
          ['rules', index, 'anchors', short],
          `must be at least ${ownAnchorCharsMin} characters long`,
        );
      rules.set(given.name, {
        name: given.name,
        about: given.about ?? known?.about ?? '',
        pattern,
        ignoreCase: given.ignore_case ?? known?.ignoreCase ?? false,
        anchors: given.anchors ?? known?.anchors ?? [],
        followedBy: given.followed_by ?? known?.followedBy ?? null,
        digits: given.digits ?? known?.digits ?? false,
        firstDigits:
          given.first_digits ?? (given.pattern === undefined ? (known?.firstDigits ?? null) : null),
        atSign: given.at_sign ?? known?.atSign ?? false,
        check: given.check ?? known?.check ?? null,
        replace: given.replace ?? known?.replace ?? 'name',
        enabled: given.enabled ?? known?.enabled ?? true,
        builtIn: given.pattern === undefined ? (known?.builtIn ?? false) : file.builtIn,
      });
    }
    for (const key of value.keys) keys.add(key);
    for (const key of value.keys_kept) keysKept.add(key);
  }
  if (rules.size > rulesMax)
    throw new ClewError('unprocessable', `${rules.size} masking rules; at most ${rulesMax} are taken.`);
  return { rules: [...rules.values()], keys: [...keys], keysKept: [...keysKept] };
}

/** `<dir>/masking/*.yaml` of every directory; the first directory is the product's own. */
export async function loadMasking(catalogDirs: readonly string[], clock: Clock): Promise<MaskingCatalog> {
  const [own = '', ...further] = catalogDirs;
  const builtIn = await readCatalogFolder([own], 'masking');
  const others = await readCatalogFolder(further, 'masking');
  return parseMasking(
    [
      ...builtIn.map((file) => ({ ...file, builtIn: true })),
      ...others.map((file) => ({ ...file, builtIn: false })),
    ],
    clock,
  );
}
