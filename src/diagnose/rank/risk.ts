import { type ChangedLine, type Diff, likeness, tokensOf, without } from './diff.ts';
import { clamp } from './stats.ts';
import { wordsOf } from './words.ts';

/** What a change did to a program, as far as its lines tell. */
export type EditKind =
  | 'limit'
  | 'logging'
  | 'switch'
  | 'guard_removed'
  | 'call_removed'
  | 'query'
  | 'loop'
  | 'call_added'
  | 'renamed'
  | 'concurrency'
  | 'schema'
  | 'dependency'
  | 'added'
  | 'neutral'
  | 'unknown'
  | 'harmless';

export interface Edit {
  kind: EditKind;
  /** 0–1: how often such an edit breaks what it touches. */
  risk: number;
  /** The words that it is about. */
  words: string;
  /** For example `5s → 300ms`. */
  shown: string;
  line: ChangedLine | null;
}

const harmlessFile =
  /(^|\/)(docs?|documentation|readme|changelog|licen[cs]e|codeowners|runbooks?|examples?|\.github|\.circleci|\.gitlab|\.vscode|testdata|tests?|__tests__|spec|fixtures|mocks?)(\/|$|\.)|\.(md|mdx|rst|adoc|txt|png|svg|jpe?g|gif|ico|snap)$|(_test|\.test|\.spec|_spec|Test|Tests)\.\w+$|(^|\/)(codeowners|\.gitignore|\.editorconfig|\.golangci\.\w+|\.eslintrc\S*|\.prettierrc\S*)$|[/_.-](test|fuzz|mock|golden)[_.-]/i;
const lookFile =
  /\.(css|scss|sass|less|styl)$|(^|\/)(theme|palette|tokens|icons?)\.\w+$|(^|\/)(static|assets|styles?)\//i;
const pageFile = /\.(html?|hbs|ejs|pug|tmpl|jinja2?|erb)$|(^|\/)templates?\//i;
const elsewhereFile = /(^|[/_.-])(staging|stage|dev|development|sandbox|local|preview|qa)([/_.-]|$)/i;
const dependencyFile =
  /(^|\/)(go\.(mod|sum)|package(-lock)?\.json|yarn\.lock|pnpm-lock\.yaml|requirements[\w.-]*\.txt|poetry\.lock|pipfile(\.lock)?|pom\.xml|build\.gradle(\.kts)?|cargo\.(toml|lock)|gemfile(\.lock)?|composer\.(json|lock))$/i;

/** 0–1: how much of what the file says runs in production. */
export function fileWeight(file: string): number {
  if (harmlessFile.test(file)) return 0.03;
  if (elsewhereFile.test(file)) return 0.05;
  if (lookFile.test(file)) return 0.06;
  return pageFile.test(file) ? 0.3 : 1;
}
export const isDependencyFile = (file: string): boolean => dependencyFile.test(file);

/** Every edit that a diff shows, riskiest first. */
export function editsOf(diff: Diff): Edit[] {
  const edits: Edit[] = [];
  for (const file of new Set(diff.lines.map((line) => line.file))) {
    const lines = diff.lines.filter((line) => line.file === file);
    const weight = fileWeight(file);
    const found = isDependencyFile(file) ? dependencyEdits(lines) : codeEdits(lines, diff.lines);
    for (const edit of found)
      edits.push({ ...edit, risk: edit.risk * weight, kind: weight < 0.1 ? 'harmless' : edit.kind });
  }
  return edits.sort((a, b) => b.risk - a.risk);
}

function codeEdits(lines: readonly ChangedLine[], everywhere: readonly ChangedLine[]): Edit[] {
  const removed = lines.filter((line) => line.removed);
  const added = lines.filter((line) => !line.removed);
  const pairs = paired(removed, added);
  const edits = pairs.flatMap(([before, after]) => pairEdit(before, after) ?? []);
  const alone = {
    removed: removed.filter((line) => !pairs.some(([before]) => before === line)),
    added: added.filter((line) => !pairs.some(([, after]) => after === line)),
  };
  edits.push(
    ...lossEdits(
      removed,
      everywhere.filter((line) => !line.removed),
    ),
  );
  edits.push(...gainEdits(added, removed));
  if (edits.length === 0 && alone.added.length + alone.removed.length + pairs.length > 0) {
    const words = [...alone.removed, ...alone.added].map((line) => line.text).join(' ');
    const kind = removed.length === 0 ? 'added' : 'neutral';
    edits.push({ kind, risk: kind === 'added' ? 0.25 : 0.12, words, shown: '', line: lines[0] ?? null });
  }
  return edits;
}

const likeMin = 0.5;
const linesCompared = 200;

/** Removed and added lines that are versions of each other; each line once, most alike first. */
function paired(
  removed: readonly ChangedLine[],
  added: readonly ChangedLine[],
): [ChangedLine, ChangedLine][] {
  const shape = (line: ChangedLine) => tokensOf(line.text.replace(/\d[\w.]*/g, ' '));
  // Lines of one form with other words in it are versions of each other as well.
  const form = (line: ChangedLine) => line.text.replace(/[A-Za-z_]\w*/g, 'w').replace(/\d[\d.]*/g, '0');
  const options = removed.slice(0, linesCompared).flatMap((before) =>
    added.slice(0, linesCompared).map((after) => {
      const alike = likeness(shape(before), shape(after));
      return { before, after, alike: form(before) === form(after) ? Math.max(alike, likeMin) : alike };
    }),
  );
  const used = new Set<ChangedLine>();
  return options
    .filter((option) => option.alike >= likeMin)
    .sort((a, b) => b.alike - a.alike)
    .flatMap(({ before, after }): [ChangedLine, ChangedLine][] => {
      if (used.has(before) || used.has(after)) return [];
      used.add(before);
      used.add(after);
      return [[before, after]];
    });
}

const loggingWords = /\b(level|log|logs|logging|verbos\w*|debug|trace|sample|sampling|rate)\b/;
const limitWords =
  /\b(timeout|deadline|ttl|interval|budget|delay|backoff|expir\w*|pool|conns?|connections?|max|min|limit|size|replicas?|memory|cpu|quota|capacity|batch|concurrency|threads?|workers?|rate|retr\w*|attempts?|buffer|queue|partitions?|throughput|units?|shards?|cache|window|threshold|requests|percent|weight|second|millisecond|minute|hour)\b/;

function pairEdit(before: ChangedLine, after: ChangedLine): Edit | null {
  const words = wordsOf(`${before.text} ${after.text}`).join(' ');
  const says = (kind: EditKind, risk: number, shown: string): Edit => ({
    kind,
    risk,
    words: `${after.section} ${before.text} ${after.text}`,
    shown,
    line: after,
  });
  const lost = without(tokensOf(before.text), tokensOf(after.text));
  const gained = without(tokensOf(after.text), tokensOf(before.text));
  const shown = `${before.text.slice(0, 80)} → ${after.text.slice(0, 80)}`;
  if (lost.length + gained.length === 0) return null;
  if (isMessage(before.text) && isMessage(after.text)) return says('neutral', 0.06, shown);
  if (
    gained.some((word) => /^(debug|trac|verbos)$/.test(word)) &&
    loggingWords.test(words) &&
    isSetting(after.text)
  )
    return says('logging', 0.9, shown);
  const ratio = numberRatio(before.text, after.text);
  if (ratio !== null && ratio !== 1) {
    const known = limitWords.test(words);
    const size = Math.abs(Math.log(ratio));
    const logging = /\b(sampl\w*|verbos\w*)\b/.test(words) && ratio > 1;
    const risk = size >= Math.log(1.9) ? 0.9 : size >= Math.log(1.4) ? 0.5 : 0.15;
    // More room is given more often than it does harm.
    const kinder =
      known && ratio > 1 && !logging && !/\b(retr\w*|attempts?|interval|ttl)\b/.test(words) ? 0.45 : 1;
    return says(logging ? 'logging' : 'limit', risk * (known ? 1 : 0.6) * kinder, shown);
  }
  if (switched(lost, gained)) return says('switch', 0.75, shown);
  const onlyNames = lost.length <= 3 && gained.length <= 3 && lost.length > 0 && gained.length > 0;
  if (onlyNames && quotedOrKey(before.text) !== quotedOrKey(after.text)) return says('renamed', 0.75, shown);
  return null;
}

/** Prose for people: a typo mended there breaks nothing. */
const isMessage = (text: string): boolean =>
  (/["'`][^"'`]*\w+ \w+ [^"'`]*["'`]/.test(text) && !/\b(select|insert|update|delete)\b/i.test(text)) ||
  /"\w+ \w+"/.test(text);
const isSetting = (text: string): boolean =>
  /^[\w."'-]+\s*[:=]/.test(text) || /set_?level|level\s*[:=(]/i.test(text);

function quotedOrKey(text: string): string {
  return [
    ...(text.match(/["'`][^"'`\s]+["'`]/g) ?? []),
    /^["']?([\w.-]+)["']?\s*[:=]/.exec(text)?.[1] ?? '',
  ].join(' ');
}

const opposites: readonly (readonly [RegExp, RegExp])[] = [
  [/^(tru|on|yes|enabl)$/, /^(fals|off|no|disabl|nil|non|null)$/],
  [/^(requir|strict|sync|block)$/, /^(option|lenient|async|nonblock)$/],
];
const switched = (lost: readonly string[], gained: readonly string[]): boolean =>
  opposites.some(
    ([a, b]) =>
      (lost.some((word) => a.test(word)) && gained.some((word) => b.test(word))) ||
      (lost.some((word) => b.test(word)) && gained.some((word) => a.test(word))),
  );

const unitFactor: Record<string, number> = {
  ns: 1e-9,
  us: 1e-6,
  ms: 1e-3,
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  nanosecond: 1e-9,
  microsecond: 1e-6,
  millisecond: 1e-3,
  milliseconds: 1e-3,
  second: 1,
  seconds: 1,
  minute: 60,
  minutes: 60,
  hour: 3600,
  hours: 3600,
  k: 1e3,
  ki: 1024,
  kb: 1e3,
  mi: 1_048_576,
  mb: 1e6,
  gi: 1_073_741_824,
  gb: 1e9,
  '%': 1,
};

/** Ratio of the number that changed between two versions of a line, in one unit; null where none or several did. */
export function numberRatio(before: string, after: string): number | null {
  const a = numbersOf(before);
  const b = numbersOf(after);
  if (a.length !== b.length || a.length === 0 || a.length > 6) return null;
  const ratios = a.flatMap((value, i) =>
    value !== b[i] && value > 0 && (b[i] ?? 0) > 0 ? [(b[i] ?? 1) / value] : [],
  );
  return ratios.length === 1 ||
    (ratios.length > 1 && ratios.every((r) => Math.abs(Math.log(r / (ratios[0] ?? r))) < 0.1))
    ? (ratios[0] ?? null)
    : null;
}

function numbersOf(text: string): number[] {
  const found = text.matchAll(/(?<![\w.#])(\d[\d_]*(?:\.\d+)?)\s?(?:\*\s?(?:time\.)?)?([A-Za-z%]+)?/g);
  return [...found].map((match) => {
    const value = Number((match[1] ?? '0').replace(/_/g, ''));
    return value * (unitFactor[(match[2] ?? '').toLowerCase()] ?? 1);
  });
}

const guardLine =
  /^(?:\}?\s*)(if|unless|guard|assert|require|check|validate|ensure|try|catch|except|rescue|when)\b|\b(is ?(nil|null|none|empty)|(!=|==|===|!==|is not|is)\s*(nil|null|none|undefined|"")|\?\.|\?\?|\blen\(|isEmpty|isPresent|hasOwnProperty|instanceof|recover\()/i;
const quietCall =
  /^(log\w*|print\w*|fmt|console|logger|debug|info|warn|error|trace|errorf|sprintf|append|len|make|new|close|string|int|float|bool|sizeof|tostring|format)$/i;
const queryLoss =
  /\b(limit|where|index|using|batch\w*|bulk|join|order by|partition|ttl|expire|lock|unlock|close|release|cancel|rollback|commit|retry|backoff|jitter|cache\w*|memo\w*|debounce|throttle|paginat\w*|cursor|evict\w*|prune\w*|max_?\w*|rate_?limit\w*|dedup\w*)\b/i;

/** What is not done any more: guards, calls, bounds. Words that live on in the names of what was put in were only moved. */
function lossEdits(removed: readonly ChangedLine[], added: readonly ChangedLine[]): Edit[] {
  const kept = new Set(added.flatMap((line) => tokensOf(line.text)));
  const edits: Edit[] = [];
  for (const line of removed) {
    const tokens = tokensOf(line.text);
    const lost = tokens.filter((word) => !kept.has(word));
    const lossShare = tokens.length === 0 ? 0 : lost.length / tokens.length;
    const moved = intoHelper(line, removed, added) ? 0.35 : 1;
    const says = (kind: EditKind, risk: number): void => {
      const shown = `− ${line.text.slice(0, 100)}`;
      edits.push({
        kind,
        risk: kind === 'query' ? risk : risk * moved,
        words: `${line.section} ${line.text}`,
        shown,
        line,
      });
    };
    if (lost.length === 0 || isImport(line.text)) continue;
    const bounds = line.text.match(new RegExp(queryLoss, 'gi')) ?? [];
    const unbound = bounds.some((bound) => tokensOf(bound).some((word) => !kept.has(word)));
    if (unbound && !/^\s*(log|print|fmt)/i.test(line.text)) says('query', 0.9);
    else if (guardLine.test(line.text) && lossShare >= 0.34 && !errorPlumbing(line.text))
      says('guard_removed', 0.9);
    else {
      const calls = [...line.text.matchAll(/([\w$]+)\s*\(/g)].map((match) => match[1] ?? '');
      const gone = calls.filter(
        (call) => !quietCall.test(call) && tokensOf(call).every((word) => !kept.has(word)),
      );
      if (gone.length > 0 && !errorPlumbing(line.text)) says('call_removed', 0.75);
    }
  }
  return edits;
}

/** The section calls a function instead whose name says what the removed lines did: they were most likely moved there. */
function intoHelper(
  line: ChangedLine,
  removed: readonly ChangedLine[],
  added: readonly ChangedLine[],
): boolean {
  const here = removed.filter((one) => one.file === line.file && one.section === line.section);
  const did = new Set(here.flatMap((one) => tokensOf(one.text)));
  const called = new Set(
    here.flatMap((one) => [...one.text.matchAll(/([\w$]+)(?:\[[^\]]*\])?\s*\(/g)].map((call) => call[1])),
  );
  return added
    .filter((one) => one.file === line.file && one.section === line.section)
    .flatMap((one) => [...one.text.matchAll(/([\w$]+)(?:\[[^\]]*\])?\s*\(/g)].map((call) => call[1] ?? ''))
    .some((name) => {
      const words = tokensOf(name);
      return !called.has(name) && words.length >= 2 && words.filter((word) => did.has(word)).length >= 1;
    });
}

const isImport = (text: string): boolean =>
  /^(import\b|from \S+ import|require\(|use |#include|using |"[\w./-]+",?$)/.test(text);
/** Handing an error on is rewritten in every tidy-up. */
const errorPlumbing = (text: string): boolean =>
  /\berr(or)?\s*(!=|==|:=)\s*(nil|null)|^return\b.*\berr\b|if err\b/.test(text);

const remoteCall =
  /\b(query\w*|exec\w*|fetch\w*|find\w*|select\w*|load\w*|request|get[A-Z]\w*|get_\w+|list\w*|lookup\w*|read\w*|send\w*|publish\w*|invoke\w*|post|put\w*|call\w*|save\w*|insert\w*|write\w*|client\.\w+|db\.\w+|repo\w*\.\w+|http\w*\.\w+)\s*\(/i;
const sqlText = /\b(select\b.+\bfrom|insert into|update\b.+\bset|delete from)\b/i;
const schemaText =
  /\b(alter table|drop (table|column|index)|create (unique )?index|rename (column|to)|add column|truncate)\b/i;
const concurrencyText =
  /\b(mutex|\.lock\(|synchronized|semaphore|sleep\w*\(|waitgroup|go func|spawn|fork|promise\.all|gather\(|parallel\w*|unbounded|global|singleton|while true|for \(;;\)|panic\(|throw new|raise \w|process\.exit|os\.exit)\b/i;
const dependencyCall =
  /\b\w*(client|db|repo|repository|store|http|rpc|grpc|redis|queue|producer|api|session|dao|gateway)\w*\.\w+\(|\b(fetch|axios|urlopen)\w*\(|requests\.(get|post)\(/i;
const observing =
  /\b(log\w*|print\w*|metric\w*|counter|histogram|gauge|span|setattribute\w*|prometheus|trace\w*|telemetry|header\(\)\.set)\b/i;

/** What is done that was not done before. */
function gainEdits(added: readonly ChangedLine[], removed: readonly ChangedLine[]): Edit[] {
  const known = new Set(removed.flatMap((line) => tokensOf(line.text)));
  const edits: Edit[] = [];
  let loop = -10;
  added.forEach((line, i) => {
    const says = (kind: EditKind, risk: number): void => {
      edits.push({
        kind,
        risk,
        words: `${line.section} ${line.text}`,
        shown: `+ ${line.text.slice(0, 100)}`,
        line,
      });
    };
    const fresh = tokensOf(line.text).filter((word) => !known.has(word));
    if (/^(for|while|foreach|loop)\b|\.(forEach|map|each)\(/.test(line.text)) loop = i;
    if (fresh.length === 0 || isImport(line.text)) return;
    if (schemaText.test(line.text)) says('schema', 0.9);
    else if (i - loop >= 1 && i - loop <= 3 && remoteCall.test(line.text) && fresh.length >= 2)
      says('loop', 0.85);
    else if (sqlText.test(line.text) && !/\blimit\b/i.test(removed.map((one) => one.text).join(' ')))
      says('query', 0.7);
    else if (dependencyCall.test(line.text) && fresh.length >= 2 && !observing.test(line.text))
      says('call_added', 0.5);
    else if (concurrencyText.test(line.text) && !observing.test(line.text)) says('concurrency', 0.6);
    else if (/\bretr(y|ies)\b/i.test(line.text)) says('concurrency', 0.55);
  });
  return edits;
}

/** A new patch release breaks seldom, a new major one now and then. */
function dependencyEdits(lines: readonly ChangedLine[]): Edit[] {
  const versions = (text: string) => /v?(\d+)\.(\d+)/.exec(text);
  return paired(
    lines.filter((line) => line.removed),
    lines.filter((line) => !line.removed),
  )
    .slice(0, 50)
    .map(([before, after]) => {
      const [a, b] = [versions(before.text), versions(after.text)];
      const risk = a?.[1] !== b?.[1] ? 0.5 : a?.[2] !== b?.[2] ? 0.22 : 0.15;
      return {
        kind: 'dependency' as const,
        risk: clamp(risk),
        words: `${before.text} ${after.text}`,
        shown: `${before.text} → ${after.text}`,
        line: after,
      };
    });
}
