import {
  type Document,
  DocumentError,
  type DocumentRules,
  type Fields,
  parseObject,
  readObject,
  usualNames,
} from '../document.ts';
import { isoNanoseconds } from '../iso-time.ts';
import type { Pair } from '../log-sink.ts';

const rules: DocumentRules = {
  ...usualNames,
  resourceName: (name) => (name.startsWith('service.') || name === 'host.name' ? name : undefined),
  takeTime,
};

/** Turns the source of one document (its bytes are `source`) into a record. Throws DocumentError. */
export function readDocument(source: string, index: string, id: string): Document {
  const document = readObject(parseObject(source), source, rules);
  const more: Pair[] =
    id === ''
      ? [['index', index]]
      : [
          ['index', index],
          ['_id', id],
        ];
  return { ...document, attributes: [...document.attributes, ...more] };
}

/** `@timestamp` must be a time; `timestamp` and `time`, which others use, may be something else. */
function takeTime(value: Fields): bigint {
  const stamp = value['@timestamp'];
  if (stamp !== undefined && stamp !== null) {
    const ns = nanoseconds(stamp);
    if (ns === undefined) {
      throw new DocumentError(
        `failed to parse field [@timestamp] of type [date]: ${shown(stamp)} is neither an ISO 8601 time nor milliseconds since 1970`,
      );
    }
    delete value['@timestamp'];
    return ns;
  }
  for (const name of ['timestamp', 'time']) {
    const ns = typeof value[name] === 'string' ? isoNanoseconds(value[name]) : undefined;
    if (ns === undefined) continue;
    delete value[name];
    return ns;
  }
  return 0n;
}

function nanoseconds(value: unknown): bigint | undefined {
  if (typeof value === 'number' && Number.isFinite(value)) {
    const ms = Math.floor(value);
    return BigInt(ms) * 1_000_000n + BigInt(Math.round((value - ms) * 1e6));
  }
  if (typeof value !== 'string') return undefined;
  // Beyond 20 digits nothing is a time, and a bigint of a million digits would be expensive.
  return /^-?\d{5,20}$/.test(value) ? BigInt(value) * 1_000_000n : isoNanoseconds(value);
}

const shown = (value: unknown): string => `[${String(JSON.stringify(value) ?? value).slice(0, 60)}]`;
