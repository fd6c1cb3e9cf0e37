import type { Job, TargetGroup } from './config.ts';
import { hashOfLabels, isInternal, keyOfLabels, type Labels } from './labels.ts';
import { relabel } from './relabel.ts';
import { durationMs } from './yaml-field.ts';

/** Something to scrape. */
export interface Target {
  job: Job;
  /** Equal for the same target before and after a reload. */
  identity: string;
  url: URL;
  /** Before relabelling. */
  discovered: Labels;
  /** What each sample gets. */
  labels: Labels;
  intervalMs: number;
  timeoutMs: number;
  /** Between 0 and 1: where in the interval it is scraped. */
  phase: number;
}

export interface TargetList {
  targets: Target[];
  dropped: Labels[];
  /** Targets that can't be scraped, each with its reason. */
  faults: string[];
}

const text = (milliseconds: number): string =>
  milliseconds % 1000 === 0 ? `${milliseconds / 1000}s` : `${milliseconds}ms`;

/** Labels as discovery and the job give them; a label of the group wins over the job's default. */
function discoveredLabels(job: Job, address: string, group: TargetGroup): Labels {
  const labels: Labels = new Map([['__address__', address]]);
  for (const [name, value] of group.labels) labels.set(name, value);
  const fallbacks: [string, string][] = [
    ['job', job.name],
    ['__scrape_interval__', text(job.intervalMs)],
    ['__scrape_timeout__', text(job.timeoutMs)],
    ['__metrics_path__', job.metricsPath],
    ['__scheme__', job.scheme],
    ...[...job.params].map(([name, [value = '']]): [string, string] => [`__param_${name}`, value]),
  ];
  for (const [name, value] of fallbacks)
    if ((labels.get(name) ?? '') === '' && value !== '') labels.set(name, value);
  return labels;
}

function urlOf(job: Job, labels: Labels): URL {
  const path = labels.get('__metrics_path__') ?? '/metrics';
  const url = new URL(`${labels.get('__scheme__') ?? 'http'}://${labels.get('__address__')}`);
  const [pathname = '', query = ''] = path.split('?', 2);
  url.pathname = pathname;
  url.search = query;
  for (const [name, values] of job.params) for (const value of values) url.searchParams.append(name, value);
  for (const [name, value] of labels) {
    if (!name.startsWith('__param_')) continue;
    const parameter = name.slice('__param_'.length);
    const [, ...rest] = job.params.get(parameter) ?? [];
    url.searchParams.delete(parameter);
    for (const one of [value, ...rest]) url.searchParams.append(parameter, one);
  }
  url.searchParams.sort();
  return url;
}

function makeTarget(job: Job, discovered: Labels): Target | string | undefined {
  const labels: Labels = new Map(discovered);
  if (!relabel(labels, job.relabelRules)) return undefined;
  const address = labels.get('__address__') ?? '';
  if (address === '') return 'it has no __address__';
  if (/[/?#@\s]/.test(address)) return `${JSON.stringify(address)} is not host:port`;
  const scheme = labels.get('__scheme__') ?? '';
  if (scheme !== 'http' && scheme !== 'https')
    return `the scheme ${JSON.stringify(scheme)} is not http or https`;
  const intervalMs = durationMs(labels.get('__scrape_interval__') ?? '') ?? 0;
  const timeoutMs = durationMs(labels.get('__scrape_timeout__') ?? '') ?? 0;
  if (intervalMs <= 0) return 'its __scrape_interval__ is not a duration above 0';
  if (timeoutMs <= 0 || timeoutMs > intervalMs)
    return 'its __scrape_timeout__ is not a duration above 0 and at most the interval';
  let url: URL;
  try {
    url = urlOf(job, labels);
  } catch {
    return `${JSON.stringify(address)} is not host:port`;
  }
  if (!labels.has('instance')) labels.set('instance', address);
  const final: Labels = new Map([...labels].filter(([name]) => !isInternal(name)));
  return {
    job,
    identity: `${job.name}\n${url.href}\n${keyOfLabels(final)}`,
    url,
    discovered,
    labels: final,
    intervalMs,
    timeoutMs,
    phase: hashOfLabels(new Map([...final, ['__url__', url.href]])) / 2 ** 53,
  };
}

/** The targets of one job; the same target found twice is one. */
export function targetsOf(job: Job, groups: readonly TargetGroup[]): TargetList {
  const list: TargetList = { targets: [], dropped: [], faults: [] };
  const known = new Set<string>();
  for (const group of groups) {
    for (const address of group.targets) {
      const discovered = discoveredLabels(job, address, group);
      const target = makeTarget(job, discovered);
      if (target === undefined) list.dropped.push(discovered);
      else if (typeof target === 'string')
        list.faults.push(
          `the target ${JSON.stringify(address)} of job ${job.name} (${group.source}): ${target}`,
        );
      else if (!known.has(target.identity)) {
        known.add(target.identity);
        list.targets.push(target);
      }
    }
  }
  const { targets: limit } = job.limits;
  if (limit > 0 && list.targets.length > limit) {
    list.faults.push(
      `job ${job.name} has ${list.targets.length} targets; its target_limit is ${limit}, so none is scraped`,
    );
    list.targets = [];
  }
  return list;
}
