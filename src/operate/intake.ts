import type { Admission, Cardinality, Offender, TenantUse } from '../admit/index.ts';
import type { DetailStore } from '../detail/index.ts';
import { type Clock, metricsRegistry } from '../lib/index.ts';

/** One step of the history; what came since the step before. Rates are per second. */
export interface IntakeStep {
  at: number;
  /** By signal. */
  records: Record<string, number>;
  bytes: Record<string, number>;
  /** Records of accepted requests that were not kept. */
  rejected: Record<string, number>;
  /** Milliseconds, the upper bound of the bucket; by signal. */
  ackP99Ms: Record<string, number>;
  /** Requests refused, by reason. */
  refused: Record<string, number>;
  /** By receiver. */
  letters: Record<string, number>;
  pendingBytes: number;
  insertLagMs: number;
}

export interface IntakeReport {
  stepMs: number;
  steps: IntakeStep[];
  offenders: Offender[];
  use: TenantUse[];
  /** Secrets and personal data hidden since the start, by rule. */
  masked: Record<string, number>;
  commitMs: number;
  /** Null where it is not known. */
  diskFreeBytes: number | null;
}

export interface Intake {
  start(): void;
  stop(): Promise<void>;
  report(): Promise<IntakeReport>;
}

export interface IntakeOptions {
  clock: Clock;
  detail: Pick<DetailStore, 'health'>;
  door: Pick<Admission, 'state'>;
  guard: Pick<Cardinality, 'offenders' | 'use'>;
}

const stepMs = 5_000;
/** A quarter of an hour. */
const stepsMax = 180;
const offendersMax = 100;

type Sample = { labels: Record<string, string | number>; value: number; metricName?: string };
type Totals = Map<string, Map<string, number>>;

const counted = {
  records: ['clew_ingest_records_total', 'signal'],
  bytes: ['clew_ingest_bytes_total', 'signal'],
  rejected: ['clew_ingest_rejected_total', 'signal'],
  refused: ['clew_ingest_refused_total', 'reason'],
  letters: ['clew_ingest_dead_lettered_total', 'source'],
} as const;

/** What comes in, in steps of five seconds: the counters of /metrics as rates, so that a page needs no other store. */
export function createIntake(options: IntakeOptions): Intake {
  const { clock, detail, door, guard } = options;
  const stopping = new AbortController();
  const steps: IntakeStep[] = [];
  let before: Totals | undefined;
  let beforeAt = 0;
  let loop: Promise<void> = Promise.resolve();

  const step = async (): Promise<void> => {
    const now = await readTotals();
    const at = clock.monotonic();
    if (before !== undefined) {
      const { pendingBytes, insertLagMs } = detail.health();
      const rates = ratesOf(before, now, (at - beforeAt) / 1000);
      steps.push({ at: clock.now(), ...rates, pendingBytes, insertLagMs: Math.round(insertLagMs) });
      if (steps.length > stepsMax) steps.shift();
    }
    before = now;
    beforeAt = at;
  };
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await step();
      await clock.sleep(stepMs, stopping.signal);
    }
  };

  return {
    start() {
      loop = run();
    },
    async stop() {
      stopping.abort();
      await loop;
    },
    async report() {
      const masked = (await readTotals()).get('clew_masked_total') ?? new Map<string, number>();
      const { commitMs, diskFreeBytes } = door.state();
      return {
        stepMs,
        steps: [...steps],
        offenders: guard.offenders().slice(0, offendersMax),
        use: guard.use(),
        masked: Object.fromEntries(masked),
        commitMs: Math.round(commitMs),
        diskFreeBytes: Number.isFinite(diskFreeBytes) ? diskFreeBytes : null,
      };
    },
  };
}

/** Each counter by its one label; each bucket of the histogram by signal and bound. */
async function readTotals(): Promise<Totals> {
  const totals: Totals = new Map();
  for (const [name, label] of [...Object.values(counted), ['clew_masked_total', 'rule'] as const])
    totals.set(name, await read(name, (sample) => String(sample.labels[label] ?? '')));
  totals.set(
    'ack',
    await read('clew_ingest_ack_seconds', (sample) =>
      sample.labels.le === undefined ? '' : `${sample.labels.signal}\0${sample.labels.le}`,
    ),
  );
  return totals;
}

async function read(name: string, keyOf: (sample: Sample) => string): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  const metric = metricsRegistry.getSingleMetric(name);
  if (metric === undefined) return found;
  const { values } = (await metric.get()) as { values: Sample[] };
  for (const sample of values) {
    const key = keyOf(sample);
    if (key !== '') found.set(key, (found.get(key) ?? 0) + sample.value);
  }
  return found;
}

function ratesOf(before: Totals, now: Totals, seconds: number) {
  const rate = ([name]: readonly [string, string]): Record<string, number> => {
    const rates: Record<string, number> = {};
    for (const [key, value] of now.get(name) ?? [])
      rates[key] = Math.max(0, value - (before.get(name)?.get(key) ?? 0)) / Math.max(0.001, seconds);
    return rates;
  };
  return {
    records: rate(counted.records),
    bytes: rate(counted.bytes),
    rejected: rate(counted.rejected),
    refused: rate(counted.refused),
    letters: rate(counted.letters),
    ackP99Ms: quantiles(before.get('ack') ?? new Map(), now.get('ack') ?? new Map()),
  };
}

/** The bound below which 99 of 100 lie, of what came between two readings. */
function quantiles(before: Map<string, number>, now: Map<string, number>): Record<string, number> {
  const signals = new Map<string, [number, number][]>();
  for (const [key, value] of now) {
    const [signal = '', bound = ''] = key.split('\0');
    const le = bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound);
    const buckets = signals.get(signal) ?? [];
    buckets.push([le, value - (before.get(key) ?? 0)]);
    signals.set(signal, buckets);
  }
  const found: Record<string, number> = {};
  for (const [signal, buckets] of signals) {
    buckets.sort((a, b) => a[0] - b[0]);
    const all = buckets.at(-1)?.[1] ?? 0;
    if (all === 0) continue;
    const finite = buckets.filter(([le]) => Number.isFinite(le));
    const bound = finite.find(([, count]) => count >= all * 0.99)?.[0] ?? finite.at(-1)?.[0] ?? 0;
    found[signal] = bound * 1000;
  }
  return found;
}
