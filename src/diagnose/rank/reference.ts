import type { EpochMs } from '../../model/index.ts';
import type { Incident, RowKind } from '../incident.ts';

/** Conditions on rows: a column equals a value, or (`from`, `to`) its time lies between, or (`contains`) the text holds it. */
export type RowCondition = Record<string, string>;

const iso = (at: EpochMs): string => new Date(at).toISOString();

/**
 * A reference that leads back to rows: `metrics.csv.gz?service=cart&metric=latency&from=…&to=…`. Names as in the files,
 * values percent-encoded. `rowsOf` in `bundle/` finds the rows again.
 */
export function reference(
  incident: Incident,
  kind: RowKind,
  where: RowCondition,
  window?: { from: EpochMs; to: EpochMs },
): string {
  const conditions = { ...where, ...(window ? { from: iso(window.from), to: iso(window.to) } : {}) };
  const query = Object.entries(conditions)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&');
  return `${incident.files[kind] ?? kind}?${query}`;
}

export function parseReference(ref: string): { file: string; where: RowCondition } {
  const [file = '', query = ''] = ref.split(/\?(.*)/s);
  const where: RowCondition = {};
  for (const part of query.split('&')) {
    const [name = '', value = ''] = part.split(/=(.*)/s);
    if (name !== '') where[name] = decodeURIComponent(value);
  }
  return { file, where };
}
