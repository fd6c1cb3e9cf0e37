import type { DetailStore } from '../detail/index.ts';
import type { LiveWindow } from '../detect/index.ts';
import { type Clock, type Logger, oneByOne } from '../lib/index.ts';
import type { Evidence, Signal, Verdict } from '../model/index.ts';
import { readRows } from '../query/index.ts';
import { collectPicture } from './collect.ts';
import { diagnose } from './diagnose.ts';
import { incidentOf } from './incident-live.ts';
import { type Indicator, readIndicatorSeries } from './indicators/index.ts';
import { JudgeThread } from './judge-thread.ts';

/** Rows copied into the case per piece of evidence, and how many pieces get any: what a person reads, not a dump. */
const rowsPerEvidence = 20;
const evidenceWithRowsMax = 24;

export interface DiagnosisDeps {
  store: DetailStore;
  liveOf: (tenant: string) => LiveWindow;
  clock: Clock;
  log: Logger;
  baselineS: number;
  /** The catalogue of checks. */
  indicators: readonly Indicator[];
}

export interface Diagnosis {
  /** Reads, judges, and copies some raw rows of every cited piece of evidence. */
  diagnose(tenant: string, input: { signals: Signal[]; since: number }): Promise<Verdict>;
}

export function createDiagnosis(deps: DiagnosisDeps): Diagnosis {
  const thread = new JudgeThread();
  // The rows of each are tens of thousands, and cases come in flocks.
  const inTurn = oneByOne();
  return {
    diagnose: (tenant, input) => inTurn(() => diagnoseNow(deps, thread, tenant, input)),
  };
}

async function diagnoseNow(
  deps: DiagnosisDeps,
  thread: JudgeThread,
  tenant: string,
  input: { signals: Signal[]; since: number },
): Promise<Verdict> {
  const live = deps.liveOf(tenant);
  await live.refresh({ all: true });
  const picture = await collectPicture(
    { store: deps.store, live, now: () => deps.clock.now() },
    { tenant, ...input, baselineS: deps.baselineS },
  );
  const span = { from: picture.baseline.from, to: picture.at };
  const { indicators } = deps;
  const series = await readIndicatorSeries(deps.store, tenant, indicators, span, picture);
  const judged = await thread.judge(incidentOf(picture));
  const verdict = diagnose(picture, judged, { indicators, series });
  return { ...verdict, evidence: await copyRows(deps, tenant, verdict) };
}

/** The first cause's evidence first; a piece whose rows can't be read stays without them and is told in the log. */
async function copyRows(deps: DiagnosisDeps, tenant: string, verdict: Verdict): Promise<Evidence[]> {
  const cited = verdict.causes.flatMap((cause) => cause.reasons.flatMap((reason) => reason.evidence));
  const order = [...new Set([...cited, ...verdict.evidence.map((evidence) => evidence.ref)])].slice(
    0,
    evidenceWithRowsMax,
  );
  const rows = new Map<string, Record<string, unknown>[]>();
  for (const ref of order) {
    const filter = verdict.evidence.find((evidence) => evidence.ref === ref)?.filter;
    if (!filter) continue;
    try {
      const result = await readRows(deps.store, tenant, filter, rowsPerEvidence);
      rows.set(ref, result.rows);
    } catch (error) {
      deps.log.warn({ err: error, ref }, 'evidence rows not read');
    }
  }
  return verdict.evidence.map((evidence) => ({ ...evidence, rows: rows.get(evidence.ref) ?? [] }));
}
