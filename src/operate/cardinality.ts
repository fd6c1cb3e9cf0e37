import type { Cardinality, Offender } from '../admit/index.ts';
import type { Clock } from '../lib/index.ts';
import type { HealthMetric, HealthSource } from './health.ts';

/** A refusal is a trouble until so long after. */
const freshMs = 300_000;
/** The rest stands at /api/v1/intake. */
const offendersShown = 20;

/** Labels that go beyond their limits, each by name. */
export const cardinalitySource = (
  guard: Pick<Cardinality, 'offenders' | 'use'>,
  clock: Clock,
): HealthSource => ({
  namespace: 'cardinality',
  async collect() {
    const use = guard
      .use()
      .flatMap(({ tenant, series, streams }) => [
        figure('series_active', series, tenant, `${series} series in this hour`),
        figure('streams_active', streams, tenant, `${streams} streams of logs in this hour`),
      ]);
    const fresh = guard.offenders().filter(({ lastMs }) => clock.now() - lastMs < freshMs);
    return [...use, ...fresh.slice(0, offendersShown).map(offence)];
  },
});

const figure = (name: string, value: number, tenant: string, message: string): HealthMetric => ({
  status: true,
  metric_name: name,
  metric_value: value,
  dimensions: { tenant },
  message,
  suggestion: '',
});

function offence({ tenant, metric, label, rule, count, example }: Offender): HealthMetric {
  const what = metric === '' ? 'streams of logs' : `series of ${metric}`;
  const where = label === '' ? '' : ` at the label ${JSON.stringify(label)}`;
  const like = example === '' ? '' : `, for example ${JSON.stringify(example)}`;
  return {
    status: false,
    metric_name: 'beyond_limit',
    metric_value: count,
    dimensions: { tenant, metric, label, rule },
    message: `${count} times ${what} went beyond limits.${rule}${where}${like}`,
    suggestion: `Take the label out at its sender (clew lint finds the place), set limits.cardinality_action to drop_label, or raise limits.${rule}.`,
  };
}
