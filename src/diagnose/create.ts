import type { DetailStore } from '../detail/index.ts';
import type { LiveWindow } from '../detect/index.ts';
import { type Clock, oneByOne } from '../lib/index.ts';
import type { EpochMs, Signal, Verdict } from '../model/index.ts';
import { type CollectDeps, gapMs, incidentPicture, readSystem, type SystemPicture } from './collect.ts';
import { diagnose } from './diagnose.ts';
import { incidentOf } from './incident-live.ts';
import { type Indicator, type IndicatorSeries, readIndicatorSeries } from './indicators/index.ts';
import { JudgeThread } from './judge-thread.ts';

/** Who asks within this long of a reading is answered from it; less than the time between two looks at one incident. */
const sharedMs = 3_500;
/** A reading is kept so long for those who wait for their turn. */
const keptMs = 2 * sharedMs;

export interface DiagnosisDeps {
  store: DetailStore;
  liveOf: (tenant: string) => LiveWindow;
  clock: Clock;
  baselineS: number;
  /** The catalogue of checks. */
  indicators: readonly Indicator[];
}

export interface Diagnosis {
  /** Reads and judges. The evidence comes with filters that find its rows, and without the rows. */
  diagnose(tenant: string, input: { signals: Signal[]; since: EpochMs }): Promise<Verdict>;
}

interface Reading {
  system: SystemPicture;
  series: IndicatorSeries[];
}

export function createDiagnosis(deps: DiagnosisDeps): Diagnosis {
  const thread = new JudgeThread();
  const readings = new Readings(deps);
  // The rows of each are tens of thousands, and cases come in flocks.
  const inTurn = oneByOne();
  return {
    diagnose: (tenant, { signals, since }) => {
      const question = { tenant, since, asked: deps.clock.monotonic() };
      return inTurn(async () => {
        const { system, series } = await readings.of(question);
        const picture = await incidentPicture(collecting(deps, tenant), system, signals);
        const judged = await thread.judge(incidentOf(picture));
        return diagnose(picture, judged, { indicators: deps.indicators, series });
      });
    },
  };
}

const collecting = ({ store, liveOf, clock }: DiagnosisDeps, tenant: string): CollectDeps => ({
  store,
  live: liveOf(tenant),
  now: () => clock.now(),
});

interface Question {
  tenant: string;
  since: EpochMs;
  /** When it was asked, by the monotonic clock: it may have waited for its turn since. */
  asked: number;
}

/**
 * The last reading, for the others of a flock: one fault opens a case for every service that it hurts. They begin within
 * a bucket or two of each other, closer than the beginning is known, and what they ask of the stores is the same. It
 * costs a second of a core.
 */
class Readings {
  readonly #deps: DiagnosisDeps;
  #last: { question: Question; at: number; reading: Reading } | null = null;

  constructor(deps: DiagnosisDeps) {
    this.#deps = deps;
  }

  async of(question: Question): Promise<Reading> {
    const { clock } = this.#deps;
    const last = this.#last;
    if (last !== null && alike(last.question, question) && question.asked - last.at < sharedMs)
      return last.reading;
    this.#last = null;
    const reading = await this.#read(question);
    const kept = { question, at: clock.monotonic(), reading };
    this.#last = kept;
    // Tens of megabytes, which nobody needs afterwards.
    void clock.sleep(keptMs).then(() => {
      if (this.#last === kept) this.#last = null;
    });
    return reading;
  }

  async #read({ tenant, since }: Question): Promise<Reading> {
    const { store, baselineS, indicators } = this.#deps;
    const collect = collecting(this.#deps, tenant);
    await collect.live.refresh({ all: true });
    const system = await readSystem(collect, { tenant, since, baselineS });
    const span = { from: system.baseline.from, to: system.at };
    return { system, series: await readIndicatorSeries(store, tenant, indicators, span, system) };
  }
}

const alike = (one: Question, other: Question): boolean =>
  one.tenant === other.tenant && Math.abs(one.since - other.since) <= gapMs;
