import { type Form, isSizeUnit, isUnit, openKey } from './form.ts';
import { type Token, wildcard } from './tokens.ts';

/** How sure the text of a template may be. */
export interface Evidence {
  /** The forms show all there is of these messages, so what never varies is constant. */
  complete: boolean;
  /** Messages of these forms. */
  lines: number;
}

/** As many messages that all say `ssh2` show that it is a word and no value. */
const constantFormsMin = 5;
/** As many messages that all say `uid=0`, while other values vary, show that it is switched off. Other numbers vary. */
const zeroLinesMin = 100;

/** A word with a number in it: `ssh2`, `SOCKS5`, `L3`. */
const numberedWord = /^[A-Za-z]+\d{1,2}[A-Za-z]{0,3}$/;
/** A name with a number in it, but not at the end behind a mark, where it counts things: `e1000_watchdog`. */
const numberedName = /^[A-Za-z][\w.-]*$/;
const countsThings = /[._-]\d+$|^[0-9A-Fa-f]+$/;
/** A name, then a number or several: `blk_-17`, `core.42`, `part-00001`, `attempt_2017_m_3`, `bglio12`. */
const numbered = /^([A-Za-z][A-Za-z]*[_.\-#/]?)[-+]?\d+(?:[_.\-:/+][A-Za-z]{0,2}\d*)*$/;
const numberThenTime = /^[-+]?\d+(?:\.\d+)?((?:n|u|µ|m)?s|secs?|mins?)$/;
const scheme = /^([A-Za-z][\w+.-]*:\/\/)/;

/** The text of a group's template. All forms have the same keys. */
export function render(forms: readonly Form[], evidence: Evidence): string {
  const [first] = forms;
  if (!first) return '';
  const swallow = sizesVary(forms);
  let text = '';
  for (let index = 0; index < first.slots.length; index++) {
    text += renderGap(forms, index);
    const key = first.slots[index]?.key ?? '';
    text += key === openKey ? renderOpen(forms, index, swallow, evidence) : key.trimStart();
  }
  text += renderGap(forms, first.slots.length);
  return text
    .replace(/\s+/g, ' ')
    .replace(/(?:<\*>){2,}/g, wildcard)
    .trim();
}

/** What stands between a slot and the one before: space or none, and sometimes a size in brackets. */
function renderGap(forms: readonly Form[], index: number): string {
  const gaps = new Set(forms.map((form) => gapOf(form, index)));
  if (gaps.size === 1) {
    const [gap = ''] = gaps;
    return gap;
  }
  const sizes = [...gaps].filter((gap) => gap.trim() !== '');
  if (sizes.length === 0) return '';
  return sizes.length === gaps.size ? ` (${wildcard}) ` : wildcard;
}

function gapOf(form: Form, index: number): string {
  if (index === form.slots.length && form.tokens.at(-1)?.type === 'rest') return '';
  const start = index === 0 ? 0 : (form.slots[index - 1]?.end ?? 0);
  const end = form.slots[index]?.start ?? form.message.length;
  const gap = (form.template ?? form.message).slice(start, end).replace(/\s+/g, ' ');
  if (index === 0) return gap.trim();
  return gap.replace(/\(\S+ (\w+)\)/, (_, unit: string) => `(${wildcard} ${unit})`);
}

function renderOpen(forms: readonly Form[], index: number, swallow: boolean, evidence: Evidence): string {
  const runs = forms.map((form) => form.tokens.slice(form.slots[index]?.from, form.slots[index]?.to));
  const texts = new Set(forms.map((form) => textOf(form, index)));
  const [run = []] = runs;
  if (isSwitchedOff(forms, index, texts, evidence)) return '0';
  if (texts.size === 1 && run.every((token) => token.kind !== 'value')) return [...texts][0] ?? '';
  const sure = evidence.complete || forms.length >= constantFormsMin;
  const constant = sure ? constantTokens(runs) : new Set<number>();
  const skeletons = new Map<string, string[]>();
  for (const [at, form] of forms.entries()) {
    const pieces =
      form.template === undefined
        ? skeletonOf(runs[at] ?? [], swallow, constant)
        : textOf(form, index)
            .split(/(<\*>)/)
            .filter(Boolean);
    skeletons.set(pieces.join(''), pieces);
  }
  return common([...skeletons.values()]);
}

function isSwitchedOff(
  forms: readonly Form[],
  index: number,
  texts: ReadonlySet<string>,
  { complete, lines }: Evidence,
): boolean {
  const isSetting = forms[0]?.slots[index - 1]?.key === '=';
  const isZero = texts.size === 1 && texts.has('0');
  return isZero && isSetting && complete && lines >= zeroLinesMin && forms.length >= constantFormsMin;
}

function textOf(form: Form, index: number): string {
  const slot = form.slots[index];
  return (form.template ?? form.message).slice(slot?.start, slot?.end);
}

/** Positions at which all runs of values have the same word with a number in it. */
function constantTokens(runs: readonly (readonly Token[])[]): Set<number> {
  const [first = []] = runs;
  const same = (token: Token, at: number) =>
    runs.every((run) => run.length === first.length && run[at]?.text === token.text);
  return new Set(
    first.flatMap((token, at) =>
      token.type === 'name' && isNamed(token.text) && same(token, at) ? [at] : [],
    ),
  );
}

function isNamed(text: string): boolean {
  if (numberedWord.test(text)) return true;
  if (!numberedName.test(text) || countsThings.test(text)) return false;
  const digits = text.replace(/\D/g, '').length;
  return digits <= 4 && text.replace(/[^A-Za-z]/g, '').length >= 2 * digits;
}

/** What skeletons begin with alike, and a wildcard for the rest. */
function common(skeletons: readonly string[][]): string {
  const [first = [], ...others] = skeletons;
  if (others.length === 0) return first.join('');
  let same = 0;
  while (same < first.length && others.every((other) => other[same] === first[same])) same++;
  const begin = first.slice(0, same).join('');
  const cut = begin.indexOf(wildcard);
  return `${cut < 0 ? begin : begin.slice(0, cut)}${wildcard}`;
}

/** A run of values with what is certainly constant in it. */
function skeletonOf(run: readonly Token[], swallow: boolean, constant: ReadonlySet<number>): string[] {
  const pieces: string[] = [];
  for (const [at, token] of run.entries()) {
    const before = run[at - 1];
    const afterPath = token.spaced && (before?.type === 'path' || before?.type === 'url');
    if (afterPath || (swallow && token.kind === 'word' && isSizeUnit(token.text))) continue;
    if (token.spaced && at > 0) pieces.push(' ');
    if (constant.has(at)) pieces.push(token.text);
    else if (token.kind === 'value') pieces.push(...skeletonOfValue(token));
    else pieces.push(token.kind === 'mark' || (at > 0 && isUnit(token.text)) ? token.text : wildcard);
  }
  return pieces;
}

function skeletonOfValue({ text, type }: Token): string[] {
  switch (type) {
    case 'address':
    case 'host': {
      const port = /:\d+$/.test(text) && (type === 'host' || text.includes('.'));
      return [text.startsWith('/') ? '/' : '', wildcard, ...(port ? [':', wildcard] : [])].filter(Boolean);
    }
    case 'url':
      return [scheme.exec(text)?.[1] ?? '', wildcard];
    case 'number':
      return text.endsWith('%') ? [wildcard, '%'] : [wildcard];
    case 'name': {
      const time = numberThenTime.exec(text)?.[1];
      if (time !== undefined) return [wildcard, time];
      const prefix = numbered.exec(text)?.[1];
      return prefix === undefined ? [wildcard] : [prefix, wildcard];
    }
    default:
      return [wildcard];
  }
}

/** Sizes that are written for people change their unit; then the unit belongs to the value. */
function sizesVary(forms: readonly Form[]): boolean {
  const slots = forms[0]?.slots.length ?? 0;
  for (let index = 0; index < slots; index++) {
    const units = new Set<string>();
    for (const { slots: own, tokens } of forms) {
      const slot = own[index];
      if (slot?.key !== openKey) break;
      for (let at = slot.from + 1; at < slot.to; at++) {
        const token = tokens[at];
        if (token?.kind === 'word' && isSizeUnit(token.text)) units.add(token.text);
      }
    }
    if (units.size > 1) return true;
  }
  return false;
}
