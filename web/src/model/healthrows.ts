import type { HealthReport } from '../api/types.ts';

type Metric = HealthReport['namespaces'][number]['data'][number];

const thing = (metric: Metric): string => Object.values(metric.dimensions).join(' ');

/**
 * Checks that are made alike of several things (jobs, tenants) as a table: a line a thing, a column a check. Without columns
 * where they are not: fewer than two things, or things with different checks.
 */
export function byDimension(metrics: readonly Metric[]): {
  columns: string[];
  lines: { name: string; cells: Metric[] }[];
} {
  const lines = new Map<string, Metric[]>();
  for (const metric of metrics) lines.set(thing(metric), [...(lines.get(thing(metric)) ?? []), metric]);
  const [first = []] = lines.values();
  const columns = first.map((metric) => metric.metric_name);
  const alike = [...lines.values()].every(
    (cells) => cells.map((cell) => cell.metric_name).join() === columns.join(),
  );
  if (!alike || lines.size < 2 || lines.has('') || columns.length < 2) return { columns: [], lines: [] };
  return { columns, lines: [...lines].map(([name, cells]) => ({ name, cells })) };
}
