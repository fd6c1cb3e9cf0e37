import type { Incident, SpanRow } from '../../src/diagnose/incident.ts';

/** An incident of which nothing is known but when somebody noticed, and the parts that a test gives it. */
export const incidentWith = (parts: Pick<Incident, 'at'> & Partial<Incident>): Incident => ({
  name: 'test',
  symptom: null,
  alert: null,
  window: null,
  baseline: null,
  series: [],
  spans: [],
  logs: [],
  calls: [],
  edges: [],
  events: [],
  caveats: [],
  files: {},
  ...parts,
});

/** The only span of the `i`th request to `shop`. */
export const shopRequest = (
  i: number,
  parts: Pick<SpanRow, 'start' | 'status'> & Partial<SpanRow>,
): SpanRow => ({
  traceId: `t${i}`,
  spanId: `s${i}`,
  parentId: '',
  service: 'shop',
  name: 'GET /cart',
  kind: 'server',
  durationMs: 10,
  attributes: {},
  ...parts,
});
