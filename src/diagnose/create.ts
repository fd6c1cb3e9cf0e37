import type { DetailStore } from '../detail/index.ts';
import type { LiveWindow } from '../detect/index.ts';
import { type Clock, oneByOne } from '../lib/index.ts';
import type { EpochMs, Signal, Verdict } from '../model/index.ts';
import { type CollectDeps, incidentPicture, readSystem, type SystemPicture } from './collect.ts';
import { diagnose } from './diagnose.ts';
import { incidentOf } from './incident-live.ts';
import { type Indicator, type IndicatorSeries, readIndicatorSeries } from './indicators/index.ts';
import { JudgeThread } from './judge-thread.ts';

/** So long after it was read a reading answers for other incidents; less than the time between two looks at one. */
const sharedMs = 3_500;

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
    diagnose: (tenant, { signals, since }) =>
      inTurn(async () => {
        const { system, series } = await readings.of(tenant, since);
        const picture = await incidentPicture(collecting(deps, tenant), system, signals);
        const judged = await thread.judge(incidentOf(picture));
        return diagnose(picture, judged, { indicators: deps.indicators, series });
      }),
  };
}

const collecting = ({ store, liveOf, clock }: DiagnosisDeps, tenant: string): CollectDeps => ({
  store,
  live: liveOf(tenant),
  now: () => clock.now(),
});

/**
 * The last reading, for the others of a flock: one fault opens a case for every service that it hurts, all with the same
 * beginning, and what they ask of the stores is the same. It costs a second of a core.
 */
class Readings {
  readonly #deps: DiagnosisDeps;
  #last: { tenant: string; since: EpochMs; at: number; reading: Reading } | null = null;

  constructor(deps: DiagnosisDeps) {
    this.#deps = deps;
  }

  async of(tenant: string, since: EpochMs): Promise<Reading> {
    const { clock } = this.#deps;
    const last = this.#last;
    if (last?.tenant === tenant && last.since === since && clock.monotonic() - last.at < sharedMs)
      return last.reading;
    this.#last = null;
    const reading = await this.#read(tenant, since);
    const kept = { tenant, since, at: clock.monotonic(), reading };
    this.#last = kept;
    // Tens of megabytes, which nobody needs afterwards.
    void clock.sleep(sharedMs).then(() => {
      if (this.#last === kept) this.#last = null;
    });
    return reading;
  }

  async #read(tenant: string, since: EpochMs): Promise<Reading> {
    const { store, baselineS, indicators } = this.#deps;
    const collect = collecting(this.#deps, tenant);
    await collect.live.refresh({ all: true });
    const system = await readSystem(collect, { tenant, since, baselineS });
    const span = { from: system.baseline.from, to: system.at };
    return { system, series: await readIndicatorSeries(store, tenant, indicators, span, system) };
  }
}
