import { ownPatternProblem } from '../../admit/index.ts';
import type { DetailStore } from '../../detail/index.ts';
import type { Ledger } from '../../ledger/index.ts';
import { ClewError, type Clock } from '../../lib/index.ts';
import {
  type By,
  type Correction,
  listCorrections,
  mergePatterns,
  renamePattern,
  undoCorrection,
  writeSetup,
} from './corrections.ts';
import { askRestart, runRestarts } from './restart.ts';
import {
  ignoreMax,
  keyCharsMax,
  maskCharsMax,
  masksMax,
  type NamedSetup,
  type PatternSetup,
  readSetups,
  setupsMax,
} from './setup.ts';
import { type SplitRequest, splitPattern } from './split.ts';
import { type AccessStatus, accessStatuses } from './status.ts';
import { type TriedSetup, tryOut } from './try-out.ts';

export interface BookDeps {
  ledger: Ledger;
  detail: DetailStore;
  clock: Clock;
  /** Lets work run on after the answer; without it restarts wait for their job, up to five minutes. */
  inBackground?: (work: () => Promise<unknown>) => void;
}

/** Who asks, and why; `actor` must not be empty. */
export interface Asked {
  actor: string;
  reason: string;
}

/** What people may change about patterns. Everything is written down with actor and time, and can be undone. */
export interface PatternBook {
  merge(tenant: string, ids: readonly string[], into: string | undefined, asked: Asked): Promise<Changed>;
  split(tenant: string, request: SplitRequest, asked: Asked): Promise<Changed & { template: string }>;
  rename(tenant: string, id: string, name: string, asked: Asked): Promise<Changed>;
  undo(tenant: string, correction: string, asked: Asked): Promise<Correction>;
  corrections(tenant: string, limit: number, patternId?: string): Promise<Correction[]>;
  setups(tenant: string): Promise<NamedSetup[]>;
  /** Throws `unprocessable` when a mask is no expression, may run away, or matches everything. null: back to that of all. */
  setUp(tenant: string, service: string, setup: PatternSetup | null, asked: Asked): Promise<void>;
  /** What a setup would make of the newest messages of an application; changes nothing. */
  tryOut(tenant: string, service: string, setup: PatternSetup): Promise<TriedSetup>;
  statuses(tenant: string): Promise<AccessStatus[]>;
  /** Mines the templates of an application (undefined: of all) again. Answers the applications. */
  restart(tenant: string, service: string | undefined, asked: Asked): Promise<string[]>;
}

/** Messages of the last day are tried. */
const triedMs = 86_400_000;

export interface Changed {
  /** The pattern that counts now. */
  id: string;
  correction: string;
}

export function createPatternBook(deps: BookDeps): PatternBook {
  const { ledger, clock } = deps;
  const by = (asked: Asked): By => ({ ...asked, at: clock.now() });
  const idOf = (tenant: string) => ledger.tenantId(tenant);
  return {
    async merge(tenant, ids, into, asked) {
      const tenantId = await idOf(tenant);
      return ledger.transaction((tx) => mergePatterns(tx, tenantId, ids, into, by(asked)));
    },
    split: async (tenant, request, asked) =>
      splitPattern(deps, { code: tenant, id: await idOf(tenant) }, request, by(asked)),
    async rename(tenant, id, name, asked) {
      const tenantId = await idOf(tenant);
      return ledger.transaction((tx) => renamePattern(tx, tenantId, id, name, by(asked)));
    },
    async undo(tenant, correction, asked) {
      const tenantId = await idOf(tenant);
      return ledger.transaction((tx) => undoCorrection(tx, tenantId, correction, by(asked)));
    },
    corrections: async (tenant, limit, patternId) =>
      listCorrections(ledger, await idOf(tenant), limit, patternId),
    setups: async (tenant) => readSetups(ledger, await idOf(tenant)),
    async setUp(tenant, service, setup, asked) {
      const tenantId = await idOf(tenant);
      if (setup !== null) checkSetup(setup, clock);
      await ledger.transaction(async (tx) => {
        const [size] = await tx.query<{ n: string }>(
          'SELECT count(*) AS n FROM pattern_setup WHERE tenant_id = $1 AND service <> $2',
          [tenantId, service],
        );
        if (setup !== null && Number(size?.n ?? 0) >= setupsMax)
          throw new ClewError('unprocessable', `There are ${setupsMax} setups; the limit is ${setupsMax}.`);
        await writeSetup(tx, tenantId, service, setup, by(asked));
      });
    },
    async tryOut(tenant, service, setup) {
      checkSetup(setup, clock);
      const to = clock.now();
      return tryOut(deps, tenant, { from: to - triedMs, to }, service, setup);
    },
    statuses: async (tenant) => accessStatuses(ledger, await idOf(tenant)),
    async restart(tenant, service, asked) {
      const tenantId = await idOf(tenant);
      const services = await ledger.transaction((tx) => askRestart(tx, tenantId, service, by(asked)));
      deps.inBackground?.(() => runRestarts(deps, { code: tenant, id: tenantId }));
      return services;
    },
  };
}

/** Masks run on what strangers write: one that can run away is refused by its form and by trial. */
export function checkSetup(setup: PatternSetup, clock: Clock): void {
  const refuse = (text: string): never => {
    throw new ClewError('unprocessable', text);
  };
  if (setup.masks.length > masksMax) refuse(`masks: ${setup.masks.length} masks; the limit is ${masksMax}.`);
  if (setup.ignore.length > ignoreMax)
    refuse(`ignore: ${setup.ignore.length} keys; the limit is ${ignoreMax}.`);
  for (const [at, key] of [setup.field, ...setup.ignore].entries())
    if (key.length > keyCharsMax || (at > 0 && key === ''))
      refuse(`${at === 0 ? 'field' : `ignore[${at - 1}]`}: a key has 1 to ${keyCharsMax} characters.`);
  for (const [at, mask] of setup.masks.entries()) {
    if (mask.length > maskCharsMax)
      refuse(`masks[${at}]: ${mask.length} characters; the limit is ${maskCharsMax}.`);
    const problem = ownPatternProblem(mask, false, clock);
    if (problem !== null) refuse(`masks[${at}]: ${JSON.stringify(mask)} ${problem}.`);
  }
}
