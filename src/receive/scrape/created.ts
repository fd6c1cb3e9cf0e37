import { Exposition, type Format } from './exposition.ts';
import { keyOfLabels, type Labels } from './labels.ts';

const suffix = /_(?:total|bucket|count|sum|created)$/;
const none = new Map<string, number>();

/** What the series of one metric share with its `_created`: the family and the labels but those of buckets and quantiles. */
export function createdKey(own: Labels): string {
  const name = own.get('__name__') ?? '';
  const labels: Labels = new Map(own);
  labels.set('__name__', name.replace(suffix, ''));
  labels.delete('le');
  labels.delete('quantile');
  return keyOfLabels(labels);
}

/**
 * When counters, histograms and summaries began, from the `_created` samples of OpenMetrics, milliseconds. They stand
 * behind what they are about, so the body is read once more.
 */
export function createdTimes(body: Buffer, format: Format): Map<string, number> {
  if (format !== 'openmetrics' || !body.includes('_created')) return none;
  const times = new Map<string, number>();
  const exposition = new Exposition(body, format);
  for (let entry = exposition.next(); entry !== 'end'; entry = exposition.next()) {
    if (entry !== 'sample') continue;
    const name = exposition.name();
    const milliseconds = Math.round(exposition.value * 1000);
    if (!name.endsWith('_created') || !Number.isSafeInteger(milliseconds) || milliseconds <= 0) continue;
    const { labels: ranges, bytes } = exposition;
    const labels: Labels = new Map([['__name__', name]]);
    for (let at = 0; at < ranges.count; at++) labels.set(ranges.name(bytes, at), ranges.value(bytes, at));
    times.set(createdKey(labels), milliseconds);
  }
  return times;
}
