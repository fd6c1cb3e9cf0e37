import { isMap, isScalar, isSeq, LineCounter, type Node, parseAllDocuments, type Scalar } from 'yaml';
import { normalized, ruleOfName } from './names.ts';
import type { LintRules, LintSeverity, Place } from './rules.ts';
import { anyOf, fits, scalarsOf, textOf, type Visited, valueAt, walk } from './tree.ts';

/** One place in a file that a person should look at. Line and column count from one. */
export interface Finding {
  file: string;
  line: number;
  column: number;
  severity: LintSeverity;
  rule: string;
  message: string;
}

/** More of one file tell nothing new. */
const findingsMax = 500;
/** Longer names and values are cut in messages. */
const shownMax = 80;
/** Documents inside ConfigMaps inside documents. */
const nestingMax = 2;
const replacing = new Set(['', 'replace', 'lowercase', 'uppercase', 'hashmod', 'labelmap']);

interface Context {
  rules: LintRules;
  found: (node: Node, severity: LintSeverity, rule: string, message: string) => void;
}

/** What is wrong in one file of YAML. Never throws: a file that can't be read is a finding. */
export function lintText(file: string, text: string, rules: LintRules): Finding[] {
  if (/^\s*#\s*clew-lint-ignore-file\b/m.test(text)) return [];
  const lines = text.split('\n');
  return lintPart(file, text, rules, { line: 0, column: 0 }, 0)
    .filter((finding) => !isIgnored(lines, finding))
    .slice(0, findingsMax)
    .toSorted((a, b) => a.line - b.line || a.column - b.column);
}

function lintPart(
  file: string,
  text: string,
  rules: LintRules,
  origin: { line: number; column: number },
  nesting: number,
): Finding[] {
  const findings: Finding[] = [];
  const counter = new LineCounter();
  const add = (offset: number, severity: LintSeverity, rule: string, message: string) => {
    const { line, col } = counter.linePos(offset);
    findings.push({ file, line: line + origin.line, column: col + origin.column, severity, rule, message });
  };
  const found: Context['found'] = (node, severity, rule, message) =>
    add(node.range?.[0] ?? 0, severity, rule, message);
  try {
    const documents = parseAllDocuments(text, { lineCounter: counter, uniqueKeys: false });
    for (const document of documents) {
      const [error] = document.errors;
      if (error !== undefined) {
        // Text inside a document is often no YAML at all.
        if (nesting === 0) add(error.pos[0], 'warning', 'unreadable', firstLine(error.message));
        continue;
      }
      const names = new Set<Node>();
      for (const visited of walk(document.contents)) {
        checkPlaces(visited, { rules, found }, names);
        checkSecrets(visited, { rules, found });
        if (nesting < nestingMax)
          findings.push(...nested(file, text, visited, rules, origin, nesting, counter));
        if (findings.length > findingsMax) return findings;
      }
    }
  } catch (error) {
    add(0, 'warning', 'unreadable', error instanceof Error ? firstLine(error.message) : 'it is no YAML');
  }
  return findings;
}

/** The configuration of a collector often stands as a block of text in a ConfigMap. */
function nested(
  file: string,
  text: string,
  { node, path }: Visited,
  rules: LintRules,
  origin: { line: number; column: number },
  nesting: number,
  counter: LineCounter,
): Finding[] {
  if (!isScalar(node) || node.type !== 'BLOCK_LITERAL' || typeof node.value !== 'string') return [];
  if (!/\.ya?ml$|config/i.test(path.at(-1) ?? '') || !node.value.includes(':')) return [];
  const { line } = counter.linePos(node.range?.[0] ?? 0);
  const first =
    text
      .split('\n')
      .slice(line)
      .find((each) => each.trim() !== '') ?? '';
  const indent = first.length - first.trimStart().length;
  return lintPart(
    file,
    node.value,
    rules,
    { line: line + origin.line, column: indent + origin.column },
    nesting + 1,
  );
}

function checkPlaces(visited: Visited, context: Context, names: Set<Node>): void {
  for (const place of context.rules.places) {
    if (!fits(place.at, visited.path) || !holds(place, visited)) continue;
    for (const [node, name] of namesAt(place, visited.node)) {
      if (names.has(node)) continue;
      if (checkName(node, name, place, context)) names.add(node);
    }
    if (place.take === 'flag' && textOf(visited.node) === place.equals) {
      const instead = place.instead === undefined ? '' : `; ${place.instead}`;
      context.found(
        visited.node,
        place.severity ?? 'warning',
        place.id,
        `this makes ${place.becomes}${instead}`,
      );
    }
  }
}

/** `where` speaks of what stands beside the node or, for items, around it. */
function holds(place: Place, { parent }: Visited): boolean {
  if (place.where === undefined) return true;
  return Object.entries(place.where).every(([key, wanted]) => wanted.test(textOf(valueAt(parent, key))));
}

/** Label names (or the expressions that fill them) and where they stand. */
function* namesAt(place: Place, node: Node): Generator<[Node, string]> {
  if (place.take === 'relabel') yield* relabelNames(node);
  if (place.take === 'value' && isScalar(node)) yield [node, textOf(node)];
  if (place.take === 'items' && isSeq(node))
    for (const item of scalarsOf(node)) yield [item, nameOf(textOf(item))];
  if (place.take === 'words') {
    for (const scalar of scalarsOf(node))
      for (const word of textOf(scalar).split(/[,\s]+/)) {
        const [name = '', value = ''] = word.split('=');
        yield [scalar, name];
        if (/[{$]/.test(value)) yield [scalar, value];
      }
  }
  if (place.take === 'keys' && isMap(node)) {
    for (const { key, value } of node.items) {
      if (!isScalar(key)) continue;
      yield [key, textOf(key)];
      if (isScalar(value) && /^[\w.$@[\]]+$|[{$]/.test(textOf(value))) yield [value, textOf(value)];
    }
  }
}

/** `NAME=value` of a list of labels. */
const nameOf = (text: string): string => text.split('=')[0] ?? '';

function* relabelNames(node: Node): Generator<[Node, string]> {
  if (!isMap(node) || !replacing.has(textOf(anyOf(node, ['action'])))) return;
  if (textOf(anyOf(node, ['action'])) === 'labelmap') {
    const regex = anyOf(node, ['regex']);
    if (regex !== undefined) yield [regex, textOf(regex).replace(/\((?:\?:)?\.[+*]\)$/, '')];
    return;
  }
  const target = anyOf(node, ['target_label', 'targetLabel']);
  // What begins with two underscores is gone after relabelling; the address of a target is its identity.
  if (target === undefined || /^__|^instance$/.test(textOf(target))) return;
  yield [target, textOf(target)];
  for (const source of scalarsOf(anyOf(node, ['source_labels', 'sourceLabels'])))
    yield [source, textOf(source)];
}

function checkName(node: Node, name: string, place: Place, { rules, found }: Context): boolean {
  const rule = ruleOfName(rules.labels, name);
  if (rule === undefined) return false;
  const message = `${JSON.stringify(name.slice(0, shownMax))} becomes ${place.becomes}: ${rule.why}; ${rule.instead}`;
  found(
    node,
    place.severity === undefined ? rule.severity : lesser(place.severity, rule.severity),
    rule.id,
    message,
  );
  return true;
}

const order = { info: 0, warning: 1, error: 2 } as const;
const lesser = (a: LintSeverity, b: LintSeverity): LintSeverity => (order[a] < order[b] ? a : b);

function checkSecrets({ node, path, parent }: Visited, { rules, found }: Context): void {
  if (!isScalar(node) || typeof node.value !== 'string') return;
  const [name, value] = variableOf(node, path, parent);
  if (rules.reference.test(value)) return;
  for (const rule of rules.secrets) {
    const byName = rule.name?.test(normalized(name)) ?? false;
    if (!byName && !(rule.value?.test(value) ?? false)) continue;
    const what = byName ? `the value of ${JSON.stringify(name.slice(0, shownMax))}` : 'this';
    found(node, rule.severity, rule.id, `${what} is a secret in plain sight: ${rule.instead}`);
    return;
  }
}

/** Name and value of an environment variable in any of its forms, or of a key. */
function variableOf(node: Scalar, path: readonly string[], parent: Node | null): [string, string] {
  const text = textOf(node);
  const key = path.at(-1) ?? '';
  if (key === 'value') return [textOf(valueAt(parent, 'name')), text];
  if (/^\d+$/.test(key)) {
    const assignment = /^([A-Za-z_][\w.-]*)=(.*)$/s.exec(text);
    return assignment === null ? ['', text] : [assignment[1] ?? '', assignment[2] ?? ''];
  }
  // A key that says where the secret is, or which; `secretName`, `tokenFile`, `key` of a reference.
  return [path.includes('secretKeyRef') ? '' : key, text];
}

/** `# clew-lint-ignore` or `# clew-lint-ignore: rule, rule` at the line's end or alone on the line before. */
function isIgnored(lines: readonly string[], { line, rule }: Finding): boolean {
  const before = lines[line - 2] ?? '';
  for (const text of [lines[line - 1] ?? '', /^\s*#/.test(before) ? before : '']) {
    const match = /#\s*clew-lint-ignore(?::\s*([\w,\s-]+))?/.exec(text);
    if (match === null) continue;
    const named = match[1]?.split(',').map((each) => each.trim());
    if (named === undefined || named.includes(rule)) return true;
  }
  return false;
}

const firstLine = (text: string): string => text.split('\n')[0] ?? text;
