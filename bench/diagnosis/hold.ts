/** Whether answers hold: every bundle a little otherwise, in this process, with how far the right cause leads. */
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readBundle } from '../../src/diagnose/bundle/index.ts';
import { type JudgedCause, judge as judgeIncident } from '../../src/diagnose/rank/judge.ts';
import { seeded } from '../../src/lib/index.ts';
import { spread } from '../statistics.ts';
import { changes } from './otherwise.ts';
import { judge, markdownTable, plainTable } from './score.ts';

interface Held {
  set: string;
  change: string;
  right: boolean;
  /** Score of the right cause less that of the best wrong one; null where the truth names no resource. */
  lead: number | null;
}

function leadOf(causes: readonly JudgedCause[], right: readonly string[]): number | null {
  const best = (of: readonly JudgedCause[]): number => Math.max(0, ...of.map(({ score }) => score));
  const isRight = ({ resource }: JudgedCause): boolean => right.includes(resource);
  return right.length === 0
    ? null
    : best(causes.filter(isRight)) - best(causes.filter((cause) => !isRight(cause)));
}

export async function holdOf(set: string, dirs: readonly string[], seed: number): Promise<Held[]> {
  const held: Held[] = [];
  for (const dir of dirs) {
    const truth = readFileSync(join(dir, 'truth.json'), 'utf8');
    const culprits: string[] = JSON.parse(truth).services ?? [];
    const incident = await readBundle(dir);
    for (const [change, apply] of Object.entries(changes)) {
      const given = apply({ ...incident, caveats: [] }, seeded(seed), culprits);
      const { verdict, causes } = judgeIncident(given);
      const told = causes.map(({ resource, score, blame }) => ({
        resource,
        score,
        change: blame?.change.id ?? null,
      }));
      const {
        rank,
        verdict: fits,
        ...one
      } = judge(set, basename(dir), truth, JSON.stringify({ verdict, causes: told }), 0);
      const right = rank === null ? (one.change ?? fits) : rank === 1;
      held.push({ set, change, right, lead: leadOf(causes, culprits) });
    }
  }
  return held;
}

/** A line for each change, a column for each set: share of right answers, and the median lead. */
export function holdTable(held: readonly Held[], markdown = false): string {
  const sets = [...new Set(held.map(({ set }) => set))];
  const rows = [...Map.groupBy(held, ({ change }) => change)].map(([change, own]) => [
    change,
    ...sets.map((set) => {
      const here = own.filter((one) => one.set === set);
      const share = here.filter(({ right }) => right).length / here.length;
      const leads = here.flatMap(({ lead }) => (lead === null ? [] : [lead]));
      return leads.length === 0
        ? share.toFixed(2)
        : `${share.toFixed(2)} (${spread(leads).median.toFixed(2)})`;
    }),
  ]);
  return (markdown ? markdownTable : plainTable)([['a little otherwise', ...sets], ...rows]);
}
