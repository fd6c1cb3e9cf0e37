import { counter, gauge } from '../../lib/index.ts';

/** What the scraper tells about itself at /metrics. */
export const scrapes = counter('clew_scrapes_total', 'Scrapes of targets, by outcome.', ['outcome']);
export const scrapedSamples = counter('clew_scrape_samples_total', 'Samples scraped, after relabelling.');
export const skippedSamples = counter(
  'clew_scrape_samples_skipped_total',
  'Samples that a target served twice, or with a time that was stored before.',
);
export const lostSamples = counter(
  'clew_scrape_samples_lost_total',
  'Samples scraped that could not be stored, by reason.',
  ['reason'],
);
export const keptBytes = gauge('clew_scrape_kept_bytes', 'Bytes of scrapes that wait to be stored.');
export const targetsByHealth = gauge('clew_scrape_targets', 'Targets by health.', ['health']);
export const seriesBytes = gauge('clew_scrape_series_bytes', 'Bytes that remembered series take.');
export const reloads = counter('clew_scrape_reloads_total', 'Reads of the changed scrape file, by outcome.', [
  'outcome',
]);
