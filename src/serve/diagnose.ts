import { z } from 'zod';
import type { DetailStore } from '../detail/index.ts';
import {
  answerIn,
  type IncidentReader,
  type Indicator,
  JudgeThread,
  readIncident,
} from '../diagnose/index.ts';
import type { Ledger } from '../ledger/index.ts';
import { ClewError, type Clock } from '../lib/index.ts';
import type { EpochMs, TimeWindow } from '../model/index.ts';
import { topologyAt } from '../topology/index.ts';
import { askedLanguage, languageQuery } from './language.ts';
import type { RouteGroup } from './server.ts';
import type { TenantOf } from './window.ts';

/** Longer incidents, and times before them, are looked at by parts. */
const windowMsMax = 21_600_000;
const baselineMsDefault = 1_800_000;
/** Where nobody says when it began, its begin is looked for in so much of the time before it was noticed … */
const searchedMs = 10_800_000;
/** … of which, in a system too busy to read all of it, at least this much before the notice is read around it … */
const nearMs = 1_800_000;
/** … and so much after. */
const afterMs = 600_000;
/** Diagnoses at a time: each reads a lot. */
const runningMax = 2;

const instant = z
  .union([z.int().min(0), z.iso.datetime({ offset: true })])
  .transform((value) => (typeof value === 'number' ? value : Date.parse(value)));
const body = z.strictObject({
  from: instant
    .optional()
    .describe(
      'Start of the incident: milliseconds since 1970, or ISO 8601. Without it the begin is looked for in the three hours before `at`.',
    ),
  to: instant
    .optional()
    .describe('Its end; now without it, or ten minutes after `at` if `from` is left out.'),
  at: instant.optional().describe('When it was noticed; without it `from`, or now if that is left out too.'),
  baseline: z
    .strictObject({ from: instant, to: instant })
    .optional()
    .describe(
      'A time when all was well; the half hour before `from` without it. Its end is the start of the incident if `from` is left out.',
    ),
  service: z.string().max(200).optional().describe('What shows the symptom.'),
  metric: z
    .string()
    .max(200)
    .optional()
    .describe('What is wrong with it: latency, errors, availability, or a metric.'),
});

export interface DiagnoseDeps {
  detail: Pick<DetailStore, 'query'>;
  clock: Clock;
  tenantOf: TenantOf;
  edges: IncidentReader['edges'];
  /** The catalogue of checks. */
  indicators: readonly Indicator[];
}

/** The engine of `clew diagnose` on what the stores hold. Register under `/api/v1`. */
export function diagnoseRoutes(deps: DiagnoseDeps): RouteGroup {
  const thread = new JudgeThread();
  let running = 0;
  return async (app) => {
    app.post(
      '/diagnose',
      {
        schema: {
          tags: ['diagnosis'],
          summary: 'What broke and why, in a window of stored telemetry',
          description:
            'Answers as `clew diagnose DIR --json` does: a verdict, ranked causes with reasons and evidence, checks by layer, what the catalogue of checks found in each layer, changes, caveats. Changes nothing.',
          body,
          querystring: languageQuery,
        },
      },
      async (request) => {
        const asked = request.body;
        const when = timesOf(asked, deps.clock.now());
        if (running >= runningMax)
          throw new ClewError('overloaded', `${runningMax} diagnoses are running; ask again in a moment.`);
        running++;
        try {
          const symptom =
            asked.service === undefined
              ? null
              : { service: asked.service, metric: asked.metric ?? '', stat: '' };
          const question = { tenant: deps.tenantOf(request), ...when.read, symptom };
          const read = await readIncident({ store: deps.detail, edges: deps.edges }, question);
          const incident = when.stated ? read : { ...read, window: null, baseline: null };
          return answerIn(askedLanguage(request), await thread.answer(incident, deps.indicators));
        } finally {
          running--;
        }
      },
    );
  };
}

interface Times {
  read: { at: EpochMs; window: TimeWindow; baseline: TimeWindow };
  /** False where only the notice is known and the engine has to find the begin in what was read. */
  stated: boolean;
}

function timesOf(asked: z.infer<typeof body>, now: EpochMs): Times {
  const from = asked.from ?? asked.baseline?.to;
  if (from === undefined) {
    const at = asked.at ?? now;
    const window = checked({ from: at - nearMs, to: asked.to ?? Math.min(now, at + afterMs) }, 'at, to');
    const baseline = { from: at - searchedMs, to: window.from };
    return { read: { at, window, baseline }, stated: false };
  }
  const window = checked({ from, to: asked.to ?? now }, 'from, to');
  const before = { from: Math.max(0, window.from - baselineMsDefault), to: window.from };
  const baseline = checked(asked.baseline ?? before, 'baseline');
  return { read: { at: asked.at ?? window.from, window, baseline }, stated: true };
}

function checked(window: TimeWindow, field: string): TimeWindow {
  if (window.from >= window.to)
    throw new ClewError(
      'bad_request',
      `${field}: it begins at ${window.from} and ends at ${window.to}; the end must be later.`,
    );
  if (window.to - window.from > windowMsMax)
    throw new ClewError(
      'bad_request',
      `${field}: ${Math.round((window.to - window.from) / 60_000)} minutes are asked for; at most ${windowMsMax / 60_000} are looked at.`,
    );
  return window;
}

/** What stood on what then: calls come from the spans themselves, the rest from the topology of that moment. */
export const edgesAt =
  (ledger: Ledger): IncidentReader['edges'] =>
  async (tenant, at) => {
    const { nodes, edges } = await topologyAt(ledger, await ledger.tenantId(tenant), at);
    const names = new Map(nodes.map((node) => [node.urn, node.name]));
    return edges.map(({ src, dst, relation }) => ({
      src: names.get(src) ?? src,
      dst: names.get(dst) ?? dst,
      relation: relation.toUpperCase(),
    }));
  };
