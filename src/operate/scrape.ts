import type { ScrapeState } from '../receive/index.ts';
import type { HealthMetric, HealthSource } from './health.ts';

/** Targets and faults named one by one; with more, the first ones tell enough. */
const namedMax = 20;
/** Above this share of the limit, scrapes will soon be lost. */
const keptShareMax = 0.5;

const bad = (name: string, dimensions: Record<string, string>, message: string, suggestion: string) => ({
  status: false,
  metric_name: name,
  metric_value: 0,
  dimensions,
  message,
  suggestion,
});

/** The targets that Clew scrapes: how many are up, and which are down and why. */
export const scrapeSource = (state: () => ScrapeState): HealthSource => ({
  namespace: 'scrape',
  async collect() {
    const { active, faults, keptBytes, keptBytesMax, lostSamples } = state();
    const down = active.filter((target) => target.health === 'down');
    const isKept = keptBytes > keptBytesMax * keptShareMax;
    const summary: HealthMetric = {
      status: true,
      metric_name: 'targets_up',
      metric_value: active.filter((target) => target.health === 'up').length,
      dimensions: { targets: String(active.length), lost_samples: String(lostSamples) },
      message: `${active.length} targets, ${down.length} down`,
      suggestion: '',
    };
    return [
      summary,
      ...down
        .slice(0, namedMax)
        .map(({ job, url, lastError }) =>
          bad(
            'up',
            { job, url },
            `${url} of job ${job} is down: ${lastError}`,
            'Look whether the exporter runs and can be reached from here; GET /api/v1/targets has all targets.',
          ),
        ),
      ...faults
        .slice(0, namedMax)
        .map((fault) =>
          bad('configuration', {}, fault, 'Mend the file; it is read again within two seconds.'),
        ),
      ...(isKept
        ? [
            bad(
              'kept_bytes',
              {},
              `${keptBytes} bytes of scrapes wait to be stored`,
              'The store does not keep up; at scrape.kept_bytes_max the oldest scrapes are lost.',
            ),
          ]
        : []),
    ];
  },
});
