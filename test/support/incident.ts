import type { Incident } from '../../src/diagnose/incident.ts';

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
