import { dirname, isAbsolute, join } from 'node:path';
import { isLabelName, type Labels } from './labels.ts';
import { type RelabelRule, readRelabelRules } from './relabel.ts';
import { YamlField } from './yaml-field.ts';

/** Targets that share labels, from the file itself or from a file of service discovery. */
export interface TargetGroup {
  source: string;
  targets: readonly string[];
  labels: Labels;
}

export interface Credentials {
  scheme: 'basic' | 'token';
  /** User of basic authentication, or the type in front of the token. */
  name: string;
  secret: string;
  /** Read at each scrape, so that a changed secret is used at once. */
  secretFile: string;
}

export interface Tls {
  caFile: string;
  certFile: string;
  keyFile: string;
  serverName: string;
  insecureSkipVerify: boolean;
}

/** 0 means no limit. */
export interface JobLimits {
  samples: number;
  targets: number;
  labels: number;
  labelNameLength: number;
  labelValueLength: number;
  bodyBytes: number;
}

/** One entry of scrape_configs. */
export interface Job {
  name: string;
  intervalMs: number;
  timeoutMs: number;
  metricsPath: string;
  scheme: string;
  params: ReadonlyMap<string, readonly string[]>;
  honorLabels: boolean;
  honorTimestamps: boolean;
  trackTimestampsStaleness: boolean;
  followRedirects: boolean;
  compression: boolean;
  credentials: Credentials | undefined;
  tls: Tls;
  limits: JobLimits;
  groups: readonly TargetGroup[];
  /** Glob patterns of file_sd_configs, absolute. */
  files: readonly string[];
  relabelRules: readonly RelabelRule[];
  metricRelabelRules: readonly RelabelRule[];
}

export interface ScrapeFile {
  jobs: readonly Job[];
  /** Added to each series that has no such label, as remote write does. */
  externalLabels: Labels;
  /** Sections that mean nothing here. */
  ignored: readonly string[];
}

const defaultIntervalMs = 60_000;
const defaultTimeoutMs = 10_000;
/** A target can't be asked more often than its answer is of use. */
const intervalMsMin = 100;
export const jobsMax = 1_000;
const targetPattern = /\.(?:json|ya?ml)$/i;

const limitKeys = [
  'sample_limit',
  'target_limit',
  'label_limit',
  'label_name_length_limit',
  'label_value_length_limit',
  'body_size_limit',
] as const;
const globalKeys = ['scrape_interval', 'scrape_timeout', 'external_labels', ...limitKeys] as const;
/** Keys of `global` that are for other parts of Prometheus. */
const globalIgnored = [
  'evaluation_interval',
  'rule_query_offset',
  'query_log_file',
  'keep_dropped_targets',
  'scrape_protocols',
  'scrape_failure_log_file',
  'metric_name_validation_scheme',
  'metric_name_escaping_scheme',
  'runtime',
];
const jobKeys = [
  'job_name',
  'scrape_interval',
  'scrape_timeout',
  'metrics_path',
  'scheme',
  'params',
  'honor_labels',
  'honor_timestamps',
  'track_timestamps_staleness',
  'follow_redirects',
  'enable_compression',
  'enable_http2',
  'basic_auth',
  'authorization',
  'bearer_token',
  'bearer_token_file',
  'tls_config',
  'static_configs',
  'file_sd_configs',
  'relabel_configs',
  'metric_relabel_configs',
  ...limitKeys,
] as const;

const sdNames =
  'azure consul digitalocean docker dockerswarm dns ec2 eureka gce hetzner http ionos kubernetes kuma lightsail linode marathon nerve nomad openstack ovhcloud puppetdb scaleway serverset stackit triton uyuni vultr xds';
const refusedKeys: Record<string, string> = {
  ...Object.fromEntries(
    sdNames
      .split(' ')
      .map((name) => [
        `${name}_sd_configs`,
        'is not taken; write the targets to a file and name it in file_sd_configs',
      ]),
  ),
  oauth2: 'is not taken; use authorization.credentials_file',
  proxy_url: 'is not taken; Clew scrapes its targets directly',
  proxy_from_environment: 'is not taken; Clew scrapes its targets directly',
  scrape_protocols: 'is not taken; Clew asks for OpenMetrics and the text format',
};

/** Reads a file of Prometheus' own syntax. Throws ClewError with file, line and key. */
export function readScrapeFile(file: string, text: string): ScrapeFile {
  const root = YamlField.parse(file, text);
  const sections = new Map(root.entries());
  const ignored = [...sections.keys()].filter((name) => name !== 'global' && name !== 'scrape_configs');
  const more = sections.get('scrape_config_files');
  if (more !== undefined) throw more.error('is not taken; put the entries into scrape_configs');
  const globals = readGlobal(sections.get('global'));
  const list = sections.get('scrape_configs');
  const items = list?.items() ?? [];
  if (items.length > jobsMax) throw list?.error(`has ${items.length} entries; at most ${jobsMax} are taken`);
  const jobs: Job[] = [];
  for (const item of items) {
    const job = readJob(item, globals, dirname(file));
    if (jobs.some((other) => other.name === job.name))
      throw item.error(`the job_name ${JSON.stringify(job.name)} stands twice`);
    jobs.push(job);
  }
  return { jobs, externalLabels: globals.externalLabels, ignored };
}

interface Globals {
  intervalMs: number;
  timeoutMs: number | undefined;
  externalLabels: Labels;
  limits: JobLimits;
}

const noLimits: JobLimits = {
  samples: 0,
  targets: 0,
  labels: 0,
  labelNameLength: 0,
  labelValueLength: 0,
  bodyBytes: 0,
};

function readGlobal(section: YamlField | undefined): Globals {
  const fields = section?.fields([...globalKeys, ...globalIgnored]) ?? new Map<string, YamlField>();
  return {
    intervalMs: readInterval(fields.get('scrape_interval')) ?? defaultIntervalMs,
    timeoutMs: readInterval(fields.get('scrape_timeout')),
    externalLabels: readLabels(fields.get('external_labels')),
    limits: readLimits(fields, noLimits),
  };
}

function readInterval(field: YamlField | undefined): number | undefined {
  const value = field?.durationMs();
  if (value !== undefined && value < intervalMsMin) throw field?.error(`must be at least ${intervalMsMin}ms`);
  return value;
}

function readLimits(fields: Map<string, YamlField>, fallback: JobLimits): JobLimits {
  return {
    samples: fields.get('sample_limit')?.count() ?? fallback.samples,
    targets: fields.get('target_limit')?.count() ?? fallback.targets,
    labels: fields.get('label_limit')?.count() ?? fallback.labels,
    labelNameLength: fields.get('label_name_length_limit')?.count() ?? fallback.labelNameLength,
    labelValueLength: fields.get('label_value_length_limit')?.count() ?? fallback.labelValueLength,
    bodyBytes: fields.get('body_size_limit')?.bytes() ?? fallback.bodyBytes,
  };
}

function readJob(item: YamlField, globals: Globals, folder: string): Job {
  const fields = item.fields(jobKeys, refusedKeys);
  const flag = (name: string, fallback: boolean) => fields.get(name)?.flag() ?? fallback;
  const name = fields.get('job_name')?.text() ?? '';
  if (name === '') throw (fields.get('job_name') ?? item).error('job_name is missing or empty');
  const intervalMs = readInterval(fields.get('scrape_interval')) ?? globals.intervalMs;
  const timeoutField = fields.get('scrape_timeout');
  const timeoutMs = readInterval(timeoutField) ?? Math.min(globals.timeoutMs ?? defaultTimeoutMs, intervalMs);
  if (timeoutMs > intervalMs) throw timeoutField?.error('must not be longer than scrape_interval');
  return {
    name,
    intervalMs,
    timeoutMs,
    metricsPath: fields.get('metrics_path')?.text() ?? '/metrics',
    scheme: fields.get('scheme')?.oneOf(['http', 'https']) ?? 'http',
    params: new Map((fields.get('params')?.entries() ?? []).map(([key, value]) => [key, value.texts()])),
    honorLabels: flag('honor_labels', false),
    honorTimestamps: flag('honor_timestamps', true),
    trackTimestampsStaleness: flag('track_timestamps_staleness', false),
    followRedirects: flag('follow_redirects', true),
    compression: flag('enable_compression', true),
    credentials: readCredentials(fields, folder),
    tls: readTls(fields.get('tls_config'), folder),
    limits: readLimits(fields, globals.limits),
    groups: (fields.get('static_configs')?.items() ?? []).map((group, at) =>
      readGroup(group, `static_configs/${at}`),
    ),
    files: (fields.get('file_sd_configs')?.items() ?? []).flatMap((entry) => readFiles(entry, folder)),
    relabelRules: readRelabelRules(fields.get('relabel_configs')),
    metricRelabelRules: readRelabelRules(fields.get('metric_relabel_configs')),
  };
}

const pathOf = (field: YamlField | undefined, folder: string): string => {
  const path = field?.text() ?? '';
  return path === '' || isAbsolute(path) ? path : join(folder, path);
};

function readCredentials(fields: Map<string, YamlField>, folder: string): Credentials | undefined {
  const given = ['basic_auth', 'authorization', 'bearer_token', 'bearer_token_file'].filter((name) =>
    fields.has(name),
  );
  if (given.length > 1)
    throw fields.get(given[1] ?? '')?.error(`stands beside ${given[0]}; only one of them is taken`);
  const [kind = ''] = given;
  const field = fields.get(kind);
  if (field === undefined) return undefined;
  if (kind === 'bearer_token')
    return { scheme: 'token', name: 'Bearer', secret: field.text(), secretFile: '' };
  if (kind === 'bearer_token_file')
    return { scheme: 'token', name: 'Bearer', secret: '', secretFile: pathOf(field, folder) };
  const isBasic = kind === 'basic_auth';
  const [nameKey, secretKey] = isBasic ? ['username', 'password'] : ['type', 'credentials'];
  const inner = field.fields([nameKey, secretKey, `${secretKey}_file`]);
  if (inner.has(secretKey) && inner.has(`${secretKey}_file`))
    throw inner.get(secretKey)?.error(`stands beside ${secretKey}_file; only one of them is taken`);
  const name = inner.get(nameKey)?.text() ?? (isBasic ? '' : 'Bearer');
  if (!isBasic && name.toLowerCase() === 'basic')
    throw inner.get(nameKey)?.error('must not be "Basic"; use basic_auth');
  return {
    scheme: isBasic ? 'basic' : 'token',
    name,
    secret: inner.get(secretKey)?.text() ?? '',
    secretFile: pathOf(inner.get(`${secretKey}_file`), folder),
  };
}

function readTls(field: YamlField | undefined, folder: string): Tls {
  const fields =
    field?.fields(['ca_file', 'cert_file', 'key_file', 'server_name', 'insecure_skip_verify']) ??
    new Map<string, YamlField>();
  const tls = {
    caFile: pathOf(fields.get('ca_file'), folder),
    certFile: pathOf(fields.get('cert_file'), folder),
    keyFile: pathOf(fields.get('key_file'), folder),
    serverName: fields.get('server_name')?.text() ?? '',
    insecureSkipVerify: fields.get('insecure_skip_verify')?.flag() ?? false,
  };
  if ((tls.certFile === '') !== (tls.keyFile === ''))
    throw field?.error('cert_file and key_file go together');
  return tls;
}

/** An entry of static_configs or of a file of service discovery. */
export function readGroup(item: YamlField, source: string): TargetGroup {
  const fields = item.fields(['targets', 'labels']);
  return {
    source,
    targets: fields.get('targets')?.texts() ?? [],
    labels: readLabels(fields.get('labels')),
  };
}

function readLabels(field: YamlField | undefined): Labels {
  const labels: Labels = new Map();
  for (const [name, value] of field?.entries() ?? []) {
    if (!isLabelName(name)) throw value.error(`${JSON.stringify(name)} is not a label name`);
    labels.set(name, value.text());
  }
  return labels;
}

function readFiles(entry: YamlField, folder: string): string[] {
  const fields = entry.fields(['files', 'refresh_interval']);
  fields.get('refresh_interval')?.durationMs();
  const files = fields.get('files')?.items() ?? [];
  if (files.length === 0) throw entry.error('names no files');
  return files.map((field) => {
    const path = pathOf(field, folder);
    if (!targetPattern.test(path) || dirname(path).includes('*'))
      throw field.error(
        `${JSON.stringify(field.text())} must end in .json, .yml or .yaml and may have * in its last part only`,
      );
    return path;
  });
}
