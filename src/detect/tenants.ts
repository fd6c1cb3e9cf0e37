import { createDetection, type Detection, type DetectionDeps } from './detection.ts';
import { forgetTenant } from './events.ts';
import { LiveWindow } from './live/index.ts';

export interface DetectionsDeps extends Omit<DetectionDeps, 'tenant'> {
  /** Tenants to detect for, asked again at every look; bounded by whoever answers. */
  tenants: () => readonly string[];
}

/** Detection of several tenants; what it is asked or told about one goes to that one's own. */
export interface Detections extends Omit<Detection, 'live' | 'tick'> {
  /** The live window of a tenant; of one that is not detected for, a window that nothing has filled yet. */
  liveOf(tenant: string): LiveWindow;
}

/** How often it is looked whether a tenant came or went. */
const lookMs = 2_000;

/**
 * One detection a tenant, each with a live window, baselines and a loop of its own: a tenant that sends a hundred times
 * as much as the others makes its own evaluation late, not theirs.
 */
export function createDetections(deps: DetectionsDeps): Detections {
  const parts = new Map<string, Detection>();
  let looking: Promise<void> | null = null;
  let stopping = new AbortController();

  /** Made when first asked for, so that an alert that comes before the next look is not lost. */
  const partOf = (tenant: string): Detection | undefined => {
    const known = parts.get(tenant);
    if (known !== undefined || !deps.tenants().includes(tenant)) return known;
    const made = createDetection({ ...deps, tenant });
    parts.set(tenant, made);
    return made;
  };
  const look = async (): Promise<void> => {
    const wanted = deps.tenants();
    for (const tenant of wanted) await partOf(tenant)?.start();
    for (const [tenant, part] of parts) {
      if (wanted.includes(tenant)) continue;
      parts.delete(tenant);
      await part.stop();
      forgetTenant(tenant);
    }
  };
  const loop = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      await deps.clock.sleep(lookMs, signal);
      if (!signal.aborted) await look();
    }
  };
  return {
    liveOf: (tenant) =>
      partOf(tenant)?.live ?? new LiveWindow({ store: deps.store, clock: deps.clock, tenant }),
    async start() {
      if (looking !== null) return;
      stopping = new AbortController();
      await look();
      looking = loop(stopping.signal);
    },
    async stop() {
      stopping.abort();
      await looking;
      looking = null;
      await Promise.all([...parts.values()].map((part) => part.stop()));
    },
    readObjective: async (tenant, objectiveId, windowS) =>
      partOf(tenant)?.readObjective(tenant, objectiveId, windowS) ?? {
        objectiveId,
        holds: false,
        value: null,
        target: 0,
        windowS,
        samples: 0,
      },
    objectives: (tenant) => partOf(tenant)?.objectives(tenant) ?? [],
    activeSignals: (tenant) => partOf(tenant)?.activeSignals(tenant) ?? [],
    noticeAlerts: (tenant, alerts) => partOf(tenant)?.noticeAlerts(tenant, alerts),
    noticeAnomalies: (tenant, anomalies) => partOf(tenant)?.noticeAnomalies(tenant, anomalies),
    incidents: (tenant) => partOf(tenant)?.incidents(tenant) ?? [],
  };
}
