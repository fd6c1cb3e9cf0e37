import type { Clock } from '../../lib/index.ts';
import { severityNumber } from '../../receive/index.ts';
import type { Formats } from './formats.ts';
import { StreamLimit } from './limit.ts';
import { jsonFields, logfmtFields } from './parse.ts';
import { type StageConfig, type StageConfigs, type StageName, stageNames } from './schema.ts';
import { timeReader } from './time.ts';
import type { Work } from './work.ts';

export interface StageContext {
  clock: Clock;
  formats: Formats;
}

/** Does its part on a record; answers what it could not do, or null. `stream` tells streams apart. */
export type StageRun = (work: Work, stream: string) => string | null;

export interface Stage {
  name: StageName;
  run: StageRun;
}

/** Patterns look at this much of a text: what an operator wrote must not meet a megabyte. */
export const textCharsMax = 4_096;
const head = (text: string): string => (text.length > textCharsMax ? text.slice(0, textCharsMax) : text);

type Makers = {
  [Name in Exclude<StageName, 'multiline'>]: (config: StageConfigs[Name], context: StageContext) => StageRun;
};

const fieldsStage =
  (parse: (text: string) => Map<string, string> | string) =>
  (config: { field: string; prefix: string }): StageRun =>
  (work) => {
    const text = work.get(config.field);
    if (text === undefined) return `there is no field "${config.field}"`;
    const fields = parse(text);
    if (typeof fields === 'string') return fields;
    for (const [name, value] of fields) work.fields.set(config.prefix + name, value);
    return null;
  };

const makers: Makers = {
  json: fieldsStage(jsonFields),
  logfmt: fieldsStage((text) => logfmtFields(head(text))),
  regex(config) {
    const regex = new RegExp(config.pattern);
    return (work) => {
      const text = work.get(config.field);
      if (text === undefined) return `there is no field "${config.field}"`;
      const groups = regex.exec(head(text))?.groups;
      if (groups === undefined) return 'the pattern does not match';
      for (const [name, value] of Object.entries(groups))
        if (value !== undefined) work.set(config.fields[name] ?? name, value);
      return null;
    };
  },
  format(config, { formats, clock }) {
    return (work) => {
      const text = work.get(config.field);
      if (text === undefined) return `there is no field "${config.field}"`;
      const found = formats.read(config.name, head(text), clock.now());
      if (found === null)
        return config.name === 'auto'
          ? 'no format of the catalogue fits'
          : `not of the format ${config.name}`;
      for (const [name, value] of found.fields) work.fields.set(name, value);
      if (found.timeNs !== undefined) work.timeNs = found.timeNs;
      if (found.severity !== '') work.severity = found.severity;
      return null;
    };
  },
  timestamp(config, { clock }) {
    const readers = config.formats.map((format) => timeReader(format, config.zone));
    return (work) => {
      const text = work.get(config.field);
      if (text === undefined) return `there is no field "${config.field}"`;
      for (const read of readers) {
        const ns = read(text.trim(), clock.now());
        if (ns === undefined) continue;
        work.timeNs = ns;
        if (!config.keep) work.fields.delete(config.field);
        return null;
      }
      return `${JSON.stringify(text.slice(0, 60))} is of none of the formats`;
    };
  },
  labels: (config) => labels(config),
  drop(config) {
    const regex = config.matches === undefined ? null : new RegExp(config.matches);
    return (work) => {
      const text = work.get(config.field);
      if (text === undefined) return null;
      if (regex === null ? text === config.equals : regex.test(head(text))) work.dropped = config.reason;
      return null;
    };
  },
  limit(config, { clock }) {
    const limit = new StreamLimit(config.per_second, config.burst);
    return (work, stream) => {
      if (!limit.allows(stream, clock.monotonic())) work.dropped = 'limit';
      return null;
    };
  },
  replace(config) {
    const regex = new RegExp(config.pattern, 'g');
    return (work) => {
      const text = work.get(config.field);
      if (text === undefined) return `there is no field "${config.field}"`;
      work.set(config.field, head(text).replace(regex, config.with) + text.slice(textCharsMax));
      return null;
    };
  },
  output(config) {
    return (work) => {
      if (config.text !== undefined) {
        work.body = config.text.replace(/\{([^{}]{1,200})\}/g, (_, name: string) => work.get(name) ?? '');
        return null;
      }
      const value = work.take(config.field ?? 'body');
      if (value === undefined) return `there is no field "${config.field}"`;
      work.body = value;
      return null;
    };
  },
};

function labels(config: StageConfigs['labels']): StageRun {
  return (work) => {
    const missing: string[] = [];
    const moved = (field: string | undefined, put: (value: string) => void): void => {
      if (field === undefined) return;
      const value = work.take(field);
      if (value === undefined) missing.push(field);
      else put(value);
    };
    for (const [name, field] of Object.entries(config.attributes))
      moved(field, (value) => work.fields.set(name, value));
    for (const [name, field] of Object.entries(config.resource))
      moved(field, (value) => work.ownResource().set(name, value));
    moved(config.service, (value) => {
      work.service = value;
      work.ownResource().set('service.name', value);
    });
    moved(config.severity, (value) => {
      if (severityNumber(value) === 0) missing.push(`severity in ${JSON.stringify(value.slice(0, 40))}`);
      else work.severity = value;
    });
    moved(config.trace_id, (value) => {
      work.traceId = value;
    });
    moved(config.span_id, (value) => {
      work.spanId = value;
    });
    for (const field of config.remove) work.fields.delete(field);
    return missing.length === 0 ? null : `there is no field ${missing.join(', ')}`;
  };
}

/** The stage as something that runs; null for `multiline`, which works before records are there. */
export function makeStage(config: StageConfig, context: StageContext): Stage | null {
  for (const name of stageNames) {
    if (name === 'multiline' || config[name] === undefined) continue;
    return { name, run: runOf(name, config, context) };
  }
  return null;
}

function runOf(name: Exclude<StageName, 'multiline'>, config: StageConfig, context: StageContext): StageRun {
  const make = makers[name] as (config: unknown, context: StageContext) => StageRun;
  return make(config[name], context);
}
