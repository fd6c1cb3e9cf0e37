/** A metric's name with its labels, as Prometheus writes them; in order of their names, so that equal series have equal names. */
export function seriesName(metric: string, labels: Readonly<Record<string, string>>): string {
  const parts = Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}="${value.replace(/[\\"\n]/g, '_')}"`);
  return parts.length === 0 ? metric : `${metric}{${parts.join(',')}}`;
}
