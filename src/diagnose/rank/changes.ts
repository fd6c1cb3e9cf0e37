import type { EpochMs } from '../../model/index.ts';
import type { EventRow, Incident } from '../incident.ts';
import { type Diff, parseDiff } from './diff.ts';
import { type Edit, editsOf, fileWeight, numberRatio } from './risk.ts';

/** What somebody changed, with everything that was recorded about it under one id. */
export interface Change {
  id: string;
  kind: string;
  title: string;
  actor: string;
  /** Where it took effect; empty when nobody says. */
  services: string[];
  /** When it took effect: when it was deployed, else when it was made. */
  at: EpochMs;
  /** It was made, others were deployed, it never was. */
  undeployed: boolean;
  files: string[];
  diff: Diff | null;
  edits: Edit[];
  events: EventRow[];
}

const takesEffect = /deploy|release|rollout|restart|upgrade|promote/;
const isCommit = /commit|merge|push|pull/;
/** Kinds that report what is seen and change nothing. */
const observation = /alert|incident|anomaly|page|notice|comment|log/;

export function changesOf(incident: Incident): Change[] {
  const groups = new Map<string, EventRow[]>();
  for (const event of incident.events) {
    if (observation.test(event.kind)) continue;
    const key = event.labels.commit_sha || event.labels.commit || event.id || `${event.kind} ${event.title}`;
    const list = groups.get(key);
    if (list) list.push(event);
    else groups.set(key, [event]);
  }
  const anyDeployed = [...groups.values()].some(
    (list) =>
      list.some((event) => takesEffect.test(event.kind)) && list.some((event) => isCommit.test(event.kind)),
  );
  return [...groups]
    .map(([id, events]) => changeOf(id, events, anyDeployed))
    .sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1));
}

function changeOf(id: string, events: EventRow[], anyDeployed: boolean): Change {
  const deploys = events.filter((event) => takesEffect.test(event.kind));
  const made = events.find((event) => !takesEffect.test(event.kind)) ?? events[0];
  const text = (name: string) =>
    events.map((event) => event.labels[name] ?? '').find((value) => value !== '') ?? '';
  const files = text('files')
    .split('\n')
    .filter((file) => file !== '');
  const diffText = text('diff') || text('patch');
  const diff = diffText === '' ? null : parseDiff(diffText, files);
  const title = made?.title ?? '';
  const kind = made?.kind ?? 'change';
  return {
    id,
    kind,
    title,
    actor: made?.actor ?? '',
    services: [...new Set(events.map((event) => event.service).filter((service) => service !== ''))],
    at: (deploys[0] ?? made)?.at ?? 0,
    undeployed: deploys.length === 0 && anyDeployed && isCommit.test(kind),
    files,
    diff,
    edits: diff === null ? [withoutDiff(kind, title, files, made)] : editsOf(diff),
    events,
  };
}

const harmlessTitle =
  /\b(typos?|readme|docs?|documentation|comments?|changelog|unit tests?|test coverage|lint(er|ing)?|gofmt|prettier|whitespace|formatting|code ?owners|rename (a )?(local )?variables?|log message|log wording|tidy imports?|ci cache)\b/i;

/** Without its lines a change is judged by what it is called and which files it touches. */
function withoutDiff(
  kind: string,
  title: string,
  files: readonly string[],
  event: EventRow | undefined,
): Edit {
  const labels = Object.entries(event?.labels ?? {}).filter(([name]) => name !== 'files' && name !== 'actor');
  const words = `${title} ${labels.map(([name, value]) => `${name} ${value}`).join(' ')}`;
  const says = (editKind: Edit['kind'], risk: number, shown = ''): Edit => ({
    kind: editKind,
    risk,
    words,
    shown,
    line: null,
  });
  if (files.length > 0) {
    const weight = Math.max(...files.map(fileWeight));
    if (weight < 0.5) return says('harmless', weight * 0.5);
  }
  if (harmlessTitle.test(title)) return says('harmless', 0.06);
  const type = /^(?:#?)(\w+)[(:!\s]/.exec(title.toLowerCase())?.[1] ?? '';
  if (/^(docs?|test|tests|style|ci|chore|build|lint)$/.test(type)) return says('harmless', 0.05);
  if (/^(flag|feature|toggle|experiment)/.test(kind)) return says('switch', 0.45, event?.labels.change ?? '');
  const old = event?.labels.old ?? event?.labels.previous ?? event?.labels.from;
  const next = event?.labels.new ?? event?.labels.value ?? event?.labels.to;
  if (old !== undefined && next !== undefined) {
    const ratio = numberRatio(old, next);
    const risk = ratio === null ? 0.7 : Math.abs(Math.log(ratio)) > Math.log(1.4) ? 0.9 : 0.3;
    return says('limit', risk, `${old} → ${next}`);
  }
  if (
    /config|setting|scale|limit|quota|secret|cert|migrat|schema|infra|terraform|network|dns|firewall|policy/.test(
      kind,
    )
  )
    return says('limit', 0.6);
  return says('unknown', /^(refactor|perf|fix|feat)$/.test(type) ? 0.25 : 0.35);
}
