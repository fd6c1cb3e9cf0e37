import type { CheckResult, Layer, Verdict } from '../../../src/model/index.ts';

/** Order of the walk (the value of the server's list; a type-only import can't carry it). */
export const layerOrder: readonly Layer[] = ['application', 'service', 'network', 'host', 'data'];

export interface LayerRow {
  layer: Layer;
  status: 'ok' | 'suspect' | 'no_data';
  checks: CheckResult[];
}

const rank = { suspect: 0, ok: 1, no_data: 2 } as const;

/** One row a layer: suspect if any check is, ok if any could look, otherwise no data. Suspect checks first. */
export function layersOf(verdict: Pick<Verdict, 'checks'>): LayerRow[] {
  return layerOrder.map((layer) => {
    const checks = verdict.checks
      .filter((check) => check.layer === layer)
      .sort((a, b) => rank[a.status] - rank[b.status]);
    return { layer, status: checks[0]?.status ?? 'no_data', checks };
  });
}
