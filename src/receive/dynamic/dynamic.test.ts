import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClewError } from '../../lib/index.ts';
import { RecordError } from '../json.ts';
import { LogSink } from '../log-sink.ts';
import { writeLog } from './logs.ts';
import { MetricSink } from './metrics.ts';
import { layoutOf, readRecord } from './record.ts';
import { builtinTables, type Column, nextColumns, parseRegistration, type TableSchema } from './schema.ts';

/** Set to repeat a run; fast-check prints the seed of a failure as well. */
const seed = 20_261_120;
const nowMs = Date.UTC(2026, 0, 2);
const limits = { attributeBytesMax: 100, bodyFieldBytesMax: 100, clockSkewS: 60 };

const columns: Column[] = [
  { name: 'time', type: 'timestamp', required: false, unit: '' },
  { name: 'app', type: 'text', required: true, unit: '' },
  { name: 'cpu', type: 'double', required: false, unit: '1' },
  { name: 'hits', type: 'bigint', required: false, unit: '' },
  { name: 'ok', type: 'boolean', required: false, unit: '' },
  { name: 'seen', type: 'timestamp', required: false, unit: '' },
  { name: 'labels', type: 'jsonb', required: false, unit: '' },
  { name: 'extra', type: 'jsonb', required: false, unit: '' },
];
const schema: TableSchema = { table: 'orders', version: 3, builtin: false, columns };
const read = (value: unknown, kind: 'metrics' | 'logs' = 'logs') => readRecord(value, layoutOf(schema, kind));

describe('a registration', () => {
  const bad: [string, unknown, string][] = [
    ['nothing', null, '(body): Invalid input: expected object, received null'],
    [
      'no table',
      { columns: [{ name: 'a', type: 'text' }] },
      'table: Invalid input: expected string, received undefined',
    ],
    [
      'a table in capitals',
      { table: 'Orders', columns: [{ name: 'a', type: 'text' }] },
      'table: up to 63 lower-case letters, digits and underscores, no digit first',
    ],
    ['no columns', { table: 'a', columns: [] }, 'columns: Too small: expected array to have >=1 items'],
    [
      'an unknown type',
      { table: 'a', columns: [{ name: 'a', type: 'blob' }] },
      'columns.0.type: type "blob" is unknown; there are timestamp, double, bigint, boolean, text, jsonb',
    ],
    [
      'a name with a blank',
      { table: 'a', columns: [{ name: 'a b', type: 'text' }] },
      'columns.0.name: up to 128 letters, digits and _ . @ -, a letter first',
    ],
    [
      'a name twice',
      {
        table: 'a',
        columns: [
          { name: 'a', type: 'text' },
          { name: 'a', type: 'text' },
        ],
      },
      'columns.1.name: a is there twice',
    ],
    [
      'something else',
      { table: 'a', columns: [{ name: 'a', type: 'text', index: true }] },
      'columns.0: Unrecognized key: "index"',
    ],
  ];
  it.each(bad)('of %s is refused', (_name, body, message) => {
    expect(() => parseRegistration(body, undefined)).toThrow(ClewError);
    expect(() => parseRegistration(body, undefined)).toThrow(`The schema is not valid: ${message}`);
  });

  it('of more columns than a table may have is refused', () => {
    const many = Array.from({ length: 201 }, (_, index) => ({ name: `c${index}`, type: 'text' }));
    expect(() => parseRegistration({ table: 'a', columns: many }, undefined)).toThrow('columns: Too big');
  });

  it('takes the types of other stores, and the table from the address', () => {
    const given = {
      columns: [
        { name: 'time', type: 'TIMESTAMPTZ' },
        { name: 'value', type: 'double precision' },
        { name: 'n', type: 'int64' },
      ],
    };
    expect(parseRegistration(given, 'orders')).toEqual({
      table: 'orders',
      columns: [
        { name: 'time', type: 'timestamp', required: false, unit: '' },
        { name: 'value', type: 'double', required: false, unit: '' },
        { name: 'n', type: 'bigint', required: false, unit: '' },
      ],
    });
  });

  const added: Column = { name: 'zone', type: 'text', required: false, unit: '' };
  const conflicts: [string, Column[], string][] = [
    [
      'without a column',
      columns.slice(1),
      'The column time of the table orders is missing; a registered column stays.',
    ],
    [
      'with another type',
      columns.map((each) => (each.name === 'hits' ? { ...each, type: 'text' } : each)),
      'The column hits of the table orders is registered as bigint, not text.',
    ],
    [
      'that asks for more',
      columns.map((each) => (each.name === 'cpu' ? { ...each, required: true } : each)),
      'The column cpu of the table orders can not become required: records without it exist.',
    ],
    [
      'with a new required column',
      [...columns, { ...added, required: true }],
      'The column zone of the table orders is new and can not be required: records without it exist.',
    ],
  ];
  it.each(conflicts)('%s conflicts with the table', (_name, next, message) => {
    const thrown = (() => {
      try {
        return nextColumns(schema, next);
      } catch (error) {
        return error;
      }
    })();
    expect(thrown).toMatchObject({ code: 'schema_conflict', status: 409, retryable: false, message });
  });
  it('may add columns and ask for less; the same columns change nothing', () => {
    expect(nextColumns(schema, [...columns])).toBeNull();
    expect(nextColumns(schema, [...columns].reverse())).toBeNull();
    expect(nextColumns(schema, [...columns, added])).toHaveLength(9);
    expect(
      nextColumns(
        schema,
        columns.map((each) => ({ ...each, required: false })),
      ),
    ).toHaveLength(8);
  });
});

describe('a record', () => {
  const bad: [string, unknown, string][] = [
    ['is no object', 7, 'it is 7, an object is needed'],
    ['has a field too many', { app: 'a', other: 1 }, 'other is no column of orders (version 3)'],
    ['lacks a required field', {}, 'app is missing'],
    ['has null for a required field', { app: null }, 'app is missing'],
    [
      'has a text for a double',
      { app: 'a', cpu: '1' },
      'cpu is "1", a double (a number, "NaN", "+Inf" or "-Inf") is needed',
    ],
    [
      'has a fraction for a bigint',
      { app: 'a', hits: 1.5 },
      'hits is 1.5, a bigint (a whole number) is needed',
    ],
    [
      'has a number that lost digits',
      { app: 'a', hits: 2 ** 60 },
      'hits is 1152921504606847000, a bigint beyond 2^53 as a string is needed',
    ],
    [
      'has a bigint beyond 64 bits',
      { app: 'a', hits: '9223372036854775808' },
      'hits is "9223372036854775808", a bigint (a whole number) is needed',
    ],
    ['has a word for a boolean', { app: 'a', ok: 'yes' }, 'ok is "yes", a boolean is needed'],
    ['has a number for a text', { app: 1 }, 'app is 1, a text is needed'],
    [
      'has a time that is none',
      { app: 'a', time: 'soon' },
      'time is "soon", a timestamp (RFC 3339, or seconds to nanoseconds since 1970) is needed',
    ],
    [
      'has too many labels',
      { app: 'a', labels: Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`l${i}`, i])) },
      'it has 129 attributes, the limit is 128',
    ],
  ];
  it.each(bad)('that %s is refused', (_name, value, message) => {
    expect(() => read(value)).toThrow(RecordError);
    expect(() => read(value)).toThrow(message);
  });

  it('keeps what its columns say, jsonb by its fields', () => {
    const values = read({
      time: 1_767_312_000,
      app: 'till',
      cpu: 0.5,
      hits: '9007199254740993',
      ok: true,
      seen: '2026-01-01T00:00:00Z',
      labels: { zone: 'a', n: 1 },
      extra: { deep: { er: [1] } },
    });
    expect(values.timeNs).toBe(1_767_312_000_000_000_000n);
    expect(values.role('service')).toBe('till');
    expect(values.pairs).toEqual([
      ['clew.table', 'orders'],
      ['cpu', '0.5'],
      ['hits', '9007199254740993'],
      ['ok', 'true'],
      ['seen', '2026-01-01T00:00:00.000Z'],
      ['zone', 'a'],
      ['n', '1'],
      ['extra.deep.er', '[1]'],
    ]);
  });

  const times: [unknown, bigint][] = [
    [1_767_312_000.5, 1_767_312_000_500_000_000n],
    [1_767_312_000_123, 1_767_312_000_123_000_000n],
    [1_767_312_000_123_456, 1_767_312_000_123_456_000n],
    ['1767312000123456789', 1_767_312_000_123_456_789n],
    ['1767312000', 1_767_312_000_000_000_000n],
    ['2026-01-02T00:00:00.5Z', 1_767_312_000_500_000_000n],
  ];
  it.each(times)('of the time %j', (time, ns) => expect(read({ app: 'a', time }).timeNs).toBe(ns));

  it('of a series beyond a limit of its labels is refused, or kept without the label', () => {
    const guarded = (action: 'reject' | 'drop_label' | 'dead_letter') =>
      new MetricSink(limits, {
        series: (_tenant, _metric, _low, _high, labels) =>
          labels.some(([name]) => name === 'user')
            ? { action, label: 'user', message: 'too many users' }
            : undefined,
        stream: () => undefined,
      });
    const value = { app: 'a', cpu: 1, labels: { user: 'u1' } };
    const write = (sink: MetricSink) =>
      sink.collect('t', nowMs, () => sink.record(read(value, 'metrics'), 'orders'));
    expect(() => write(guarded('dead_letter'))).toThrow('too many users');
    expect(() => write(guarded('reject'))).toThrow(expect.objectContaining({ payload: new Uint8Array(0) }));
    expect(write(guarded('drop_label')).records).toBe(1);
  });

  it('of metrics without a number is refused, and one far in the future', () => {
    const sink = new MetricSink(limits);
    const write = (value: object) => () =>
      sink.collect('t', nowMs, () => sink.record(read(value, 'metrics'), 'orders'));
    expect(write({ app: 'a' })).toThrow('no column of a number has a value');
    expect(write({ app: 'a', cpu: 1, time: (nowMs + 61_000) / 1000 })).toThrow(
      'its time lies more than 60 s in the future (ingest.clock_skew_s)',
    );
    expect(write({ app: 'a', cpu: 1, hits: 2 })().blocks.map(({ table, rows }) => [table, rows])).toEqual([
      ['metric_series', 2],
      ['metric_samples', 2],
    ]);
    expect(
      write({ app: 'a', cpu: 1, hits: 2 })().blocks.map(({ table }) => table),
      'the series are known',
    ).toEqual(['metric_samples']);
  });
});

describe('fuzz', () => {
  const value = fc.oneof(
    { depthSize: 'small' },
    fc.jsonValue(),
    fc.double(),
    fc.constantFrom('NaN', '2026-01-01T00:00:00Z', 1e30, -1, '99999999999999999999', null),
  );
  const records = fc.oneof(
    fc.jsonValue(),
    fc.record(Object.fromEntries(columns.map(({ name }) => [name, value])), { requiredKeys: [] }),
    fc.record(
      { app: fc.string(), cpu: fc.double(), labels: fc.dictionary(fc.string(), value), time: value },
      { requiredKeys: ['app'] },
    ),
  );
  const neverBreaks = (take: (given: unknown) => void) =>
    fc.property(records, (given) => {
      try {
        take(given);
      } catch (error) {
        if (!(error instanceof RecordError) && !(error instanceof ClewError)) throw error;
      }
    });
  const decoders: [string, (given: unknown) => void][] = [
    [
      'logs',
      (given) => {
        const sink = new LogSink(limits);
        sink.collect('t', nowMs, () => writeLog(read(given), () => 'source', sink));
      },
    ],
    [
      'metrics',
      (given) => {
        const sink = new MetricSink(limits);
        sink.collect('t', nowMs, () => sink.record(read(given, 'metrics'), 'orders'));
      },
    ],
  ];
  it.each(decoders)('a record of %s is kept or refused with a reason', (_name, take) => {
    fc.assert(neverBreaks(take), { seed, numRuns: 1_000 });
  });
  it.each(decoders)('the canary, a decoder of %s that breaks, is caught', (_name, take) => {
    const broken = (given: unknown) => {
      take(given);
      throw new TypeError('canary');
    };
    expect(fc.check(neverBreaks(broken), { seed, numRuns: 1_000, endOnFailure: true }).failed).toBe(true);
  });
  it('a registration is taken or refused with a reason', () => {
    const field = fc.oneof(fc.jsonValue(), fc.constantFrom('a', 'text', 'double'));
    const bodies = fc.oneof(
      fc.jsonValue(),
      fc.record(
        {
          table: field,
          columns: fc.array(
            fc.record({ name: field, type: field, required: field, unit: field }, { requiredKeys: [] }),
          ),
        },
        { requiredKeys: [] },
      ),
    );
    fc.assert(
      fc.property(bodies, (body) => {
        try {
          expect(parseRegistration(body, 'a').columns.length).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(ClewError);
        }
      }),
      { seed, numRuns: 1_000 },
    );
  });
});

it('the tables that are there without registration are valid registrations', () => {
  for (const { table, columns: own } of builtinTables)
    expect(parseRegistration({ table, columns: own }, undefined).columns).toEqual(own);
});
