import type { EpochMs } from '../../model/index.ts';
import type { Change } from './changes.ts';
import { commonWords, identifiersOf, tokensOf } from './diff.ts';
import type { Frame } from './frame.ts';
import type { CallGraph } from './graph.ts';
import type { Edit, EditKind } from './risk.ts';
import { clamp } from './stats.ts';
import { stemsOf } from './words.ts';

/** Words of the incident itself: alerts, new and missing messages, failing operations, odd metrics. */
export interface Testimony {
  text: string;
  /** 0–1. */
  weight: number;
  service: string;
}

/** How likely a change is to blame, and why. */
export interface Blame {
  change: Change;
  /** 0–1. */
  score: number;
  timing: number;
  link: number;
  edit: Edit | null;
  relevance: number;
  /** Words that the change and the incident share, most telling first. */
  shared: string[];
  secondsBefore: number;
}

const halfLifeMs = 12 * 3_600_000;
const slackMs = 60_000;

/** Which words of an incident fit which edit: what such an edit breaks is known before anybody looks. */
const fits: Partial<Record<EditKind, RegExp>> = {
  limit:
    /timeout|timed out|deadline|cancel|exhaust|too many|throttl|capacity|quota|limit|pool|queue|saturat|reject|evict|oom|out of memory|killed|backlog|backpressure|overload|expired|stale|miss|rate|replica|unavailable|starv/i,
  logging: /disk|no space|volume|log(s|ging)? (volume|rate|write|lines)|ingest|write_throughput|inode|iops/i,
  guard_removed:
    /nil|null|none\b|undefined|panic|deref|typeerror|attributeerror|keyerror|nosuchelement|out of (range|bounds)|divide|division|unexpected|invalid|assert|overflow|unhandled|not (set|found)|duplicate|negative/i,
  call_removed:
    /not found|missing|uninit|not registered|no such|empty|unknown|leak|stale|unauth|denied|null|nil|undefined/i,
  query:
    /quer|sql|\bdb\b|database|rows|scan|slow|latency|table|relation|column|index|throttl|capacity|write|batch|memory|lock/i,
  call_added: /latency|slow|duration|timeout|timed out|deadline|refused|unavailable|rate|quota|throttl/i,
  loop: /per[ _]request|count|calls|latency|slow|duration|quer|timeout|rate/i,
  renamed:
    /unknown|no such|not found|missing|mapping|field|column|key|parse|schema|unmarshal|decod|deserial|undefined|does not exist|invalid|empty|null/i,
  schema: /relation|column|table|index|lock|migrat|does not exist|constraint|slow|quer|deadlock/i,
  concurrency:
    /lock|deadlock|contention|race|stall|block|starv|goroutine|thread|retry|retries|storm|panic|exception|leak/i,
  switch: /disabled|enabled|flag|rollout|variant|feature|denied|unauth|tls|cert|cache|miss/i,
  dependency: /no such method|nosuchmethod|abi|symbol|incompat|version|protocol|unmarshal|module|import/i,
};

export function blamesOf(input: {
  changes: readonly Change[];
  testimony: readonly Testimony[];
  frame: Frame;
  graph: CallGraph;
  /** Resource where it begins, and how odd the others are (0–1). */
  origin: string;
  /** Databases and queues, which only their callers tell of: who changes them does so under the name of a caller. */
  stores: ReadonlySet<string>;
  odd: ReadonlyMap<string, number>;
}): Blame[] {
  const { changes, testimony } = input;
  const rarity = rarityOf(changes);
  const heard = hear(testimony);
  const said = testimony.map((one) => one.text).join('\n');
  return changes
    .map((change) => blameOf(change, input, { rarity, heard, said }))
    .sort((a, b) => b.score - a.score || b.change.at - a.change.at || (a.change.id < b.change.id ? -1 : 1));
}

interface Ears {
  rarity: (word: string) => number;
  heard: ReadonlyMap<string, number>;
  said: string;
}

function blameOf(change: Change, input: Parameters<typeof blamesOf>[0], ears: Ears): Blame {
  const { frame } = input;
  const timing = timingOf(change, frame.onset, frame.onset - frame.onsetEarliest);
  const link = linkOf(change, input);
  const about = matched(
    `${change.title} ${change.files.join(' ')} ${change.diff?.around.join(' ') ?? ''}`,
    ears,
  );
  let best = { value: 0, edit: null as Edit | null, relevance: 0, shared: [] as string[] };
  for (const edit of change.edits.slice(0, 40)) {
    const own = matched(edit.words, ears);
    const fit = fits[edit.kind]?.test(ears.said) ? 1 : 0;
    const relevance = 1 - Math.exp(-(own.amount + 0.35 * about.amount + 1.2 * fit) / 6);
    const risk = edit.line === null ? suddenly(edit, change, frame.onset) : edit.risk;
    const unread = edit.line === null ? certainly(edit, change, frame.onset) : readShare;
    const value = risk * (unread + (1 - unread) * relevance);
    if (value > best.value)
      best = { value, edit, relevance, shared: [...new Set([...own.words, ...about.words])] };
  }
  return {
    change,
    score: clamp(timing * link * best.value * 1.25),
    timing,
    link,
    edit: best.edit,
    relevance: best.relevance,
    shared: best.shared.slice(0, 8),
    secondsBefore: Math.round((frame.onset - change.at) / 1000),
  };
}

/** What nobody can read may have done anything; the sooner after it things break, the likelier it was that. */
function suddenly(edit: Edit, change: Change, onset: EpochMs): number {
  if (edit.kind === 'harmless') return edit.risk;
  const most = /flag|toggle|experiment/.test(change.kind) ? 0.15 : 0.45;
  return clamp(edit.risk + most * Math.exp(-Math.max(0, onset - change.at) / suddenMs), 0, 0.9);
}
const suddenMs = 300_000;

/** What a change is worth whose words are nowhere in the incident. */
const readShare = 0.25;
function certainly(edit: Edit, change: Change, onset: EpochMs): number {
  if (edit.kind === 'harmless') return readShare;
  const most = /flag|toggle|experiment/.test(change.kind) ? 0.1 : 0.35;
  return readShare + most * Math.exp(-Math.max(0, onset - change.at) / suddenMs);
}

/** Nothing breaks before it is changed; what was changed long ago has been tried by now. */
function timingOf(change: Change, onset: EpochMs, doubtMs: number): number {
  const lead = onset - change.at;
  if (lead < -Math.max(slackMs, doubtMs)) return 0;
  return 2 ** (-Math.max(0, lead) / halfLifeMs) * (change.undeployed ? 0.08 : 1);
}

const storeWords = /migrat|schema|index|database|\bddl\b|\bsql\b|quer|table|column|vacuum|partition/i;

/** Whether a change was made on a resource, by its name or, of a database, by the name of a service that uses it. */
export function isMadeOn(
  change: Change,
  resource: string,
  { stores, graph }: { stores: ReadonlySet<string>; graph: CallGraph },
): boolean {
  if (change.services.includes(resource)) return true;
  if (!stores.has(resource) || !storeWords.test(`${change.kind} ${change.title}`)) return false;
  const callers = graph.callers(resource);
  return change.services.some((service) => callers.includes(service));
}

function linkOf(change: Change, input: Parameters<typeof blamesOf>[0]): number {
  const { origin, odd, graph } = input;
  if (isMadeOn(change, origin, input)) return 1;
  if (change.services.length > 0) {
    const oddest = Math.max(...change.services.map((service) => odd.get(service) ?? 0));
    const near = change.services.some((service) => graph.downstream(origin).has(service)) ? 0.35 : 0.1;
    return clamp(Math.max(near, 0.75 * oddest));
  }
  const words = new Set(stemsOf(`${change.title} ${change.files.join(' ')}`));
  const named = stemsOf(origin).filter((word) => word.length > 2 && !commonWords.has(word));
  const compact = stemsOf(origin).join('');
  const names =
    named.some((word) => words.has(word)) ||
    [...words].some((word) => word.length > 3 && compact.includes(word));
  return names ? 0.85 : 0.4;
}

/** Words in few of the changes tell which change it was; words in all of them tell nothing. */
function rarityOf(changes: readonly Change[]): (word: string) => number {
  const counts = new Map<string, number>();
  for (const change of changes) {
    const text = [change.title, ...change.files, ...(change.diff?.lines.map((line) => line.text) ?? [])].join(
      ' ',
    );
    for (const word of new Set([...tokensOf(text), ...identifiersOf(text)]))
      counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  // A handful of changes is no dictionary: every word may then be rare.
  const total = Math.max(changes.length, 20);
  return (word) => Math.max(0, Math.log(total / ((counts.get(word) ?? 0) + 0.5)));
}

function hear(testimony: readonly Testimony[]): Map<string, number> {
  const heard = new Map<string, number>();
  for (const { text, weight } of testimony) {
    for (const word of [...tokensOf(text), ...identifiersOf(text)]) {
      if (word.length < 3 || commonWords.has(word)) continue;
      heard.set(word, Math.max(heard.get(word) ?? 0, weight));
    }
  }
  return heard;
}

function matched(text: string, { rarity, heard }: Ears): { amount: number; words: string[] } {
  const found = new Map<string, number>();
  for (const word of new Set(tokensOf(text))) {
    const weight = heard.get(word);
    if (weight !== undefined && !/^\d{1,2}$/.test(word)) found.set(word, weight * rarity(word));
  }
  for (const name of new Set(identifiersOf(text))) {
    const weight = heard.get(name);
    if (weight !== undefined) found.set(name, 1.5 * weight * rarity(name));
  }
  const ordered = [...found].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  // The third shared word says less than the first.
  const amount = ordered.reduce((sum, [, value], i) => sum + value / (1 + 0.25 * i), 0);
  return { amount, words: ordered.filter(([, value]) => value > 0).map(([word]) => word) };
}
