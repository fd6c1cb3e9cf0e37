import { createHmac } from 'node:crypto';
import type { Config } from '../../config/index.ts';
import { ClewError } from '../../lib/index.ts';
import type { Masker } from '../../receive/index.ts';
import { masked } from '../events.ts';
import type { Anchor } from './anchors.ts';
import { type Check, checks } from './checks.ts';
import { SecretKeys } from './keys.ts';
import type { MaskingCatalog, MaskingRule } from './rules.ts';
import { Scan } from './scan.ts';

/** An operator's own patterns see this much at once, so that a slow one costs time in proportion to the text. */
const ownPieceCharsMax = 4_096;
/** Equal values have equal hashes; 64 bits tell a billion values apart. */
const hashDigits = 16;
const keyRule = 'key';

interface Working {
  rule: MaskingRule;
  regex: RegExp;
  check: Check | null;
  /** The rule's anchors in lower case; a text without any of them can't match. */
  needles: readonly string[];
}

/** Null when masking is off. Throws when a setting names a rule that does not exist. */
export function createMasker(catalog: MaskingCatalog, config: Config['masking']): Masker | null {
  const known = new Set(catalog.rules.map((rule) => rule.name));
  for (const [key, names] of Object.entries({ rules_off: config.rulesOff, rules_on: config.rulesOn })) {
    for (const name of names) {
      if (!known.has(name))
        throw new ClewError(
          'bad_request',
          `masking.${key}: there is no rule "${name}"; there are ${[...known].join(', ')}.`,
        );
    }
  }
  if (!config.enabled) return null;
  const rules = catalog.rules.filter(
    (rule) => !config.rulesOff.includes(rule.name) && (rule.enabled || config.rulesOn.includes(rule.name)),
  );
  const hashed = rules.find((rule) => rule.replace === 'hash');
  if (hashed !== undefined && config.hashKey === '') {
    throw new ClewError(
      'bad_request',
      `The masking rule "${hashed.name}" replaces by a hash, but masking.hash_key is empty. Set CLEW_MASKING_HASH_KEY (or CLEW_MASKING_HASH_KEY_FILE).`,
    );
  }
  return new RuleMasker(rules, new SecretKeys(catalog.keys, catalog.keysKept), config.hashKey);
}

class RuleMasker implements Masker {
  readonly maskedValue = '[masked:key]';
  private readonly scan: Scan;
  private readonly keys: SecretKeys;
  private readonly hashKey: string;
  private readonly working: readonly Working[];

  constructor(rules: readonly MaskingRule[], keys: SecretKeys, hashKey: string) {
    this.keys = keys;
    this.hashKey = hashKey;
    this.working = rules.map((rule) => ({
      rule,
      regex: new RegExp(rule.pattern, rule.ignoreCase ? 'gi' : 'g'),
      check: rule.check === null ? null : checks[rule.check],
      needles: rule.anchors.map((text) => text.toLowerCase()),
    }));
    this.scan = new Scan({
      anchors: rules.flatMap(anchorsOf),
      digits: this.numbers(),
      firstDigits: rules.filter((rule) => rule.digits).map((rule) => rule.firstDigits),
      atSign: rules.some((rule) => rule.atSign),
      always: rules.some((rule) => rule.anchors.length === 0 && !rule.digits && !rule.atSign),
    });
  }

  suspects(bytes: Uint8Array, start: number, end: number): boolean {
    return this.scan.suspects(bytes, start, end);
  }

  suspectsKey(bytes: Uint8Array, start: number, end: number): boolean {
    return this.keys.suspects(bytes, start, end);
  }

  maskKey(key: string, tenant: string): boolean {
    if (!this.keys.has(key)) return false;
    masked.inc({ rule: keyRule, tenant });
    return true;
  }

  mask(text: string, tenant: string): string {
    return this.hide(text, tenant, (rule, value) => this.replacement(rule, value));
  }

  blank(text: string, tenant: string): string {
    return this.hide(text, tenant, null);
  }

  private hide(text: string, tenant: string, replacement: Replacement | null): string {
    let result = text;
    const lower = text.toLowerCase();
    for (const working of this.working) {
      const { needles, rule } = working;
      if (rule.atSign && !text.includes('@')) continue;
      if (needles.length > 0 && !needles.some((needle) => lower.includes(needle))) continue;
      result = rule.builtIn
        ? apply(working, result, tenant, replacement)
        : inPieces(result, (piece) => apply(working, piece, tenant, replacement));
    }
    return result;
  }

  private replacement(rule: MaskingRule, value: string): string {
    if (rule.replace === 'keep_last_4') return `[masked:${rule.name}:${lastFour(value)}]`;
    if (rule.replace === 'hash') {
      const hash = createHmac('sha256', this.hashKey).update(value).digest('hex').slice(0, hashDigits);
      return `[masked:${rule.name}:#${hash}]`;
    }
    return `[masked:${rule.name}]`;
  }

  /** Whether a number that stands alone may be one that some rule hides. */
  private numbers(): ((run: string) => boolean) | null {
    const rules = this.working.filter(({ rule }) => rule.digits);
    if (rules.length === 0) return null;
    return (run) =>
      rules.some(({ regex, check }) => {
        regex.lastIndex = 0;
        const match = regex.exec(run);
        regex.lastIndex = 0;
        return match !== null && (check === null || check(match[0], ''));
      });
  }
}

/** Null: as many `*` as there were characters. */
type Replacement = (rule: MaskingRule, value: string) => string;

function apply(
  { rule, regex, check }: Working,
  text: string,
  tenant: string,
  replacement: Replacement | null,
): string {
  let found = 0;
  const result = text.replace(regex, (...match: unknown[]) => {
    const whole = String(match[0]);
    const groups = match.at(-1);
    const offset = Number(match.find((part, index) => index > 0 && typeof part === 'number'));
    const kept =
      typeof groups === 'object' && groups !== null && 'keep' in groups ? String(groups.keep ?? '') : '';
    const value = whole.slice(kept.length);
    if (value.startsWith('[masked:')) return whole;
    if (check !== null && !check(value, text.slice(Math.max(0, offset - 40), offset))) return whole;
    found += 1;
    if (replacement === null) return kept + '*'.repeat(value.length);
    const replaced = replacement(rule, value);
    return kept + (rule.digits && isJsonNumber(text, offset, whole.length) ? `"${replaced}"` : replaced);
  });
  if (found > 0) masked.inc({ rule: rule.name, tenant }, found);
  return result;
}

const anchorsOf = (rule: MaskingRule): Anchor[] =>
  rule.anchors.map((text) => ({ text, ignoreCase: rule.ignoreCase, followedBy: rule.followedBy }));

/** A value of fewer than twelve characters would be half told by its last four. */
const lastFour = (value: string): string => (value.length < 11 ? '' : value.replace(/[ -]/g, '').slice(-4));

/** A number in a JSON object: what replaces it is a string, or the body would be JSON no more. */
function isJsonNumber(text: string, offset: number, length: number): boolean {
  if (text[0] !== '{') return false;
  return (
    /[:[,]\s{0,4}$/.test(text.slice(Math.max(0, offset - 5), offset)) &&
    /^\s{0,4}[,}\]]/.test(text.slice(offset + length, offset + length + 5))
  );
}

/** Cuts a long text where a line or a word ends, so that what is looked for is seldom cut apart. */
function inPieces(text: string, work: (piece: string) => string): string {
  if (text.length <= ownPieceCharsMax) return work(text);
  const pieces: string[] = [];
  for (let from = 0; from < text.length; ) {
    let to = Math.min(text.length, from + ownPieceCharsMax);
    if (to < text.length) {
      const blank = Math.max(text.lastIndexOf(' ', to), text.lastIndexOf('\n', to));
      if (blank > from) to = blank + 1;
    }
    pieces.push(work(text.slice(from, to)));
    from = to;
  }
  return pieces.join('');
}
