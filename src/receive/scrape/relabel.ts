import { createHash } from 'node:crypto';
import { isLabelName, type Labels } from './labels.ts';
import type { YamlField } from './yaml-field.ts';

const actions = [
  'replace',
  'keep',
  'drop',
  'keepequal',
  'dropequal',
  'hashmod',
  'labelmap',
  'labeldrop',
  'labelkeep',
  'lowercase',
  'uppercase',
] as const;
type Action = (typeof actions)[number];

/** One rule of relabel_configs or metric_relabel_configs. */
export interface RelabelRule {
  action: Action;
  sourceLabels: readonly string[];
  separator: string;
  regex: RegExp;
  modulus: bigint;
  targetLabel: string;
  replacement: string;
}

const keys = [
  'action',
  'source_labels',
  'separator',
  'regex',
  'modulus',
  'target_label',
  'replacement',
] as const;
const needTarget: readonly Action[] = [
  'replace',
  'hashmod',
  'lowercase',
  'uppercase',
  'keepequal',
  'dropequal',
];
const onlyRegex: readonly Action[] = ['labeldrop', 'labelkeep'];
const onlyEqual: readonly Action[] = ['keepequal', 'dropequal'];
/** Rules of one list; a list is walked for every new series. */
const rulesMax = 1_000;

export function readRelabelRules(field: YamlField | undefined): RelabelRule[] {
  const items = field?.items() ?? [];
  if (items.length > rulesMax) throw field?.error(`has ${items.length} rules; at most ${rulesMax} are taken`);
  return items.map(readRule);
}

function readRule(item: YamlField): RelabelRule {
  const fields = item.fields(keys);
  const action = readAction(fields.get('action'));
  const modulus = fields.get('modulus');
  const rule: RelabelRule = {
    action,
    sourceLabels: fields.get('source_labels')?.texts() ?? [],
    separator: fields.get('separator')?.text() ?? ';',
    regex: readRegex(fields.get('regex')),
    modulus: BigInt(modulus?.count() ?? 0),
    targetLabel: fields.get('target_label')?.text() ?? '',
    replacement: fields.get('replacement')?.text() ?? '$1',
  };
  for (const label of rule.sourceLabels)
    if (!isLabelName(label))
      throw fields.get('source_labels')?.error(`${JSON.stringify(label)} is not a label name`);
  if (needTarget.includes(action) && rule.targetLabel === '')
    throw item.error(`the action ${action} needs target_label`);
  if (needTarget.includes(action) && action !== 'replace' && !isLabelName(rule.targetLabel))
    throw fields.get('target_label')?.error(`${JSON.stringify(rule.targetLabel)} is not a label name`);
  if (action === 'hashmod' && rule.modulus === 0n)
    throw (modulus ?? item).error('the action hashmod needs a modulus above 0');
  refuseOthers(fields, action, onlyRegex, ['action', 'regex']);
  refuseOthers(fields, action, onlyEqual, ['action', 'source_labels', 'target_label', 'separator']);
  return rule;
}

function readAction(field: YamlField | undefined): Action {
  if (field === undefined) return 'replace';
  const text = field.text();
  const action = actions.find((candidate) => candidate === text.toLowerCase());
  if (action === undefined)
    throw field.error(`${JSON.stringify(text)} is not an action; there are ${actions.join(', ')}`);
  return action;
}

function refuseOthers(
  fields: Map<string, YamlField>,
  action: Action,
  of: readonly Action[],
  allowed: readonly string[],
): void {
  if (!of.includes(action)) return;
  for (const [name, field] of fields)
    if (!allowed.includes(name)) throw field.error(`does not go with the action ${action}`);
}

/** What JavaScript reads and RE2 does not would work here and fail in Prometheus. */
const beyondRe2 = /\(\?(?:=|!|<=|<!)|\\[1-9]/;
const posixClasses: Record<string, string> = {
  alpha: 'a-zA-Z',
  digit: '0-9',
  alnum: 'a-zA-Z0-9',
  lower: 'a-z',
  upper: 'A-Z',
  space: '\\s',
  word: '\\w',
  xdigit: '0-9a-fA-F',
};

/** RE2's syntax as JavaScript's, anchored at both ends. */
function readRegex(field: YamlField | undefined): RegExp {
  if (field === undefined) return /^(?:(.*))$/s;
  const given = field.text();
  if (beyondRe2.test(given)) throw field.error('lookaround and back references are not part of RE2');
  const [, inline = '', rest = given] = /^\(\?([ims]+)\)([\s\S]*)$/.exec(given) ?? [];
  const source = rest
    .replaceAll('(?P<', '(?<')
    .replaceAll('\\A', '^')
    .replaceAll('\\z', '$')
    .replace(/\[:([a-z]+):\]/g, (whole, name: string) => posixClasses[name] ?? whole);
  try {
    return new RegExp(`^(?:${source})$`, [...new Set(`s${inline}`)].join(''));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw field.error(`${JSON.stringify(given)} is not a regular expression: ${why}`);
  }
}

/** `$1`, `${1}`, `$name`, `$$` as Go's Expand reads them: the longest name counts, an unknown group is empty. */
function expand(template: string, match: RegExpExecArray | RegExpMatchArray): string {
  if (!template.includes('$')) return template;
  return template.replace(/\$(?:(\$)|\{(\w+)\}|(\w+))/g, (_whole, dollar, braced, bare) => {
    if (dollar !== undefined) return '$';
    const name: string = braced ?? bare;
    return (/^\d+$/.test(name) ? match[Number(name)] : match.groups?.[name]) ?? '';
  });
}

/** The hash that Prometheus shards by: the low half of an MD5, so that both agree who scrapes what. */
function hashOf(value: string): bigint {
  return createHash('md5').update(value).digest().readBigUInt64BE(8);
}

/** Changes `labels` in place; false when the rules drop them. */
export function relabel(labels: Labels, rules: readonly RelabelRule[]): boolean {
  for (const rule of rules) if (!applyRule(labels, rule)) return false;
  return true;
}

function applyRule(labels: Labels, rule: RelabelRule): boolean {
  const { action, regex, targetLabel } = rule;
  const value = rule.sourceLabels.map((name) => labels.get(name) ?? '').join(rule.separator);
  switch (action) {
    case 'keep':
      return regex.test(value);
    case 'drop':
      return !regex.test(value);
    case 'keepequal':
      return (labels.get(targetLabel) ?? '') === value;
    case 'dropequal':
      return (labels.get(targetLabel) ?? '') !== value;
    case 'replace':
      replace(labels, rule, value);
      return true;
    case 'lowercase':
      put(labels, targetLabel, value.toLowerCase());
      return true;
    case 'uppercase':
      put(labels, targetLabel, value.toUpperCase());
      return true;
    case 'hashmod':
      put(labels, targetLabel, String(hashOf(value) % rule.modulus));
      return true;
    case 'labelmap':
      for (const [name, mapped] of [...labels]) {
        const match = regex.exec(name);
        if (match !== null) put(labels, expand(rule.replacement, match), mapped);
      }
      return true;
    case 'labeldrop':
    case 'labelkeep':
      for (const name of [...labels.keys()])
        if (regex.test(name) === (action === 'labeldrop')) labels.delete(name);
      return true;
  }
}

function replace(labels: Labels, rule: RelabelRule, value: string): void {
  const match = rule.regex.exec(value);
  if (match === null) return;
  const target = expand(rule.targetLabel, match);
  if (isLabelName(target)) put(labels, target, expand(rule.replacement, match));
}

/** A label with an empty value is the same as no label. */
function put(labels: Labels, name: string, value: string): void {
  if (value === '') labels.delete(name);
  else labels.set(name, value);
}
