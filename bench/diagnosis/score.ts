/** What an answer is worth against the truth of its bundle. */
import { spread } from '../statistics.ts';

interface Truth {
  verdict?: string;
  services?: string[];
  change?: string | null;
  decoys?: string[];
  cell?: string;
}
interface Answer {
  verdict: string;
  causes: { resource: string; kind?: string; change?: string | null; score?: number }[];
}

export interface Judged {
  set: string;
  name: string;
  cell: string;
  failed: boolean;
  /** Place of the first right resource, from 1; 0 when it is not there; null where the truth names none. */
  rank: number | null;
  /** Whether the right change was named; null where the truth names none. */
  change: boolean | null;
  /** A change that is known to be harmless was blamed first. */
  decoy: boolean;
  verdict: boolean;
  ms: number;
  /** For a log. */
  told: string;
}

const ranksShown = [1, 3, 5] as const;

export function judge(
  set: string,
  name: string,
  truthText: string,
  answerText: string | null,
  ms: number,
): Judged {
  const truth = JSON.parse(truthText) as Truth;
  if (truth.change === 'none') truth.change = null;
  let answer: Answer = { verdict: 'failed', causes: [] };
  if (answerText !== null)
    try {
      answer = JSON.parse(answerText) as Answer;
    } catch {
      // An answer that is no JSON is a failure.
    }
  const ranked = [...new Set(answer.causes.map((cause) => cause.resource))];
  const right = truth.services ?? [];
  const [first] = answer.causes;
  const blamed = answer.verdict === 'root_cause' ? (first?.change ?? null) : null;
  const expected = truth.verdict ?? ('change' in truth && truth.change === null ? null : 'root_cause');
  return {
    set,
    name,
    cell: truth.cell ?? (truth.change === null ? 'no change' : 'change'),
    failed: answer.verdict === 'failed',
    rank: right.length === 0 ? null : ranked.findIndex((resource) => right.includes(resource)) + 1,
    change: typeof truth.change === 'string' ? sameChange(blamed, truth.change) : null,
    decoy:
      blamed !== null &&
      (truth.change === null || (truth.decoys ?? []).some((decoy) => sameChange(blamed, decoy))),
    verdict: expected === null ? blamed === null : answer.verdict === expected,
    ms,
    told: `${answer.verdict} ${ranked.slice(0, 3).join(', ')}${blamed === null ? '' : ` (${blamed})`}; right ${right.slice(0, 3).join(', ')}${truth.change ? ` (${truth.change})` : ''}`,
  };
}

const sameChange = (a: string | null, b: string): boolean =>
  a !== null && a.length >= 7 && (a.startsWith(b) || b.startsWith(a));

export interface Summary {
  set: string;
  bundles: number;
  failed: number;
  /** Share of those with a right resource. */
  ranks: Record<string, number> | null;
  changes: string;
  decoys: number;
  verdicts: number;
  medianMs: number;
  maxMs: number;
  cells: { cell: string; bundles: number; first: number | null; verdicts: number }[];
}

const share = (list: readonly boolean[]): number =>
  list.length === 0 ? 0 : list.filter(Boolean).length / list.length;

export function summarize(set: string, judged: readonly Judged[], startMs: number): Summary {
  const ranked = judged.filter((one) => one.rank !== null);
  const changes = judged.filter((one) => one.change !== null);
  const within = (list: readonly Judged[], k: number) =>
    share(list.map(({ rank }) => rank !== null && rank > 0 && rank <= k));
  const times = spread(judged.map((one) => Math.max(0, one.ms - startMs)));
  const cells = [...Map.groupBy(judged, (one) => one.cell)].map(([cell, own]) => {
    const withTruth = own.filter((one) => one.rank !== null);
    return {
      cell,
      bundles: own.length,
      first: withTruth.length === 0 ? null : within(withTruth, 1),
      verdicts: share(own.map((one) => one.verdict)),
    };
  });
  return {
    set,
    bundles: judged.length,
    failed: judged.filter((one) => one.failed).length,
    ranks:
      ranked.length === 0 ? null : Object.fromEntries(ranksShown.map((k) => [`AC@${k}`, within(ranked, k)])),
    changes:
      changes.length === 0 ? '–' : `${changes.filter((one) => one.change).length} of ${changes.length}`,
    decoys: judged.filter((one) => one.decoy).length,
    verdicts: share(judged.map((one) => one.verdict)),
    medianMs: times.median,
    maxMs: times.max,
    cells,
  };
}

const figure = (value: number | undefined | null): string =>
  value === undefined || value === null ? '–' : value.toFixed(2);

export function table(summaries: readonly Summary[], markdown = false): string {
  const head = [
    'set',
    'bundles',
    'AC@1',
    'AC@3',
    'AC@5',
    'exact change',
    'decoys blamed',
    'verdict right',
    'median ms',
    'max ms',
    'failed',
  ];
  const rows = summaries.map((one) => [
    one.set,
    String(one.bundles),
    ...ranksShown.map((k) => figure(one.ranks?.[`AC@${k}`])),
    one.changes,
    String(one.decoys),
    figure(one.verdicts),
    one.medianMs.toFixed(0),
    one.maxMs.toFixed(0),
    String(one.failed),
  ]);
  const cellHead = ['set', 'cell', 'bundles', 'AC@1', 'verdict right'];
  const cells = summaries.flatMap((one) =>
    one.cells.map((cell) => [
      one.set,
      cell.cell,
      String(cell.bundles),
      figure(cell.first),
      figure(cell.verdicts),
    ]),
  );
  const show = markdown ? markdownTable : plainTable;
  return `${show([head, ...rows])}\n${show([cellHead, ...cells])}`;
}

export const plainTable = (rows: readonly (readonly string[])[]): string => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return `${rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')}\n`;
};

export const markdownTable = ([head = [], ...rows]: readonly (readonly string[])[]): string =>
  `${[head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')}\n`;
