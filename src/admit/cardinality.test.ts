import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configSchema } from '../config/index.ts';
import { createCardinality } from './cardinality.ts';
import { HashSet32, HashSet64 } from './hash-set.ts';

const limitsOf = (given: object) => configSchema.parse({ limits: given }).limits;
const hour = 3_600_000;

describe('the guard of labels', () => {
  it('lets a label have its values, names the first one beyond, and keeps knowing those before', () => {
    const guard = createCardinality(limitsOf({ labelValuesMax: 3 }));
    for (let n = 0; n < 3; n++) expect(guard.series('t', 'm', n, n, [['user', `u${n}`]], 0)).toBeUndefined();
    expect(guard.series('t', 'm', 9, 9, [['user', 'u9']], 0)).toEqual({
      action: 'dead_letter',
      label: 'user',
      message:
        'the metric "m" has more than 3 values of the label "user" in this hour (limits.label_values_max); "u9" is one too many',
    });
    expect(guard.series('t', 'm', 1, 1, [['user', 'u1']], 0)).toBeUndefined();
    expect(guard.series('t', 'other', 9, 9, [['user', 'u9']], 0)).toBeUndefined();
    expect(guard.series('other', 'm', 9, 9, [['user', 'u9']], 0)).toBeUndefined();
    expect(guard.series('t', 'm', 9, 9, [['user', 'u9']], hour)).toBeUndefined();
    expect(guard.offenders()).toMatchObject([
      { tenant: 't', metric: 'm', label: 'user', rule: 'label_values_max', count: 1, example: 'u9' },
    ]);
  });

  it('refuses a series beyond the tenant’s number and takes the known ones on', () => {
    const guard = createCardinality(limitsOf({ seriesActiveMax: 2, cardinalityAction: 'drop_label' }));
    expect(guard.series('t', 'm', 1, 0, [], 0)).toBeUndefined();
    expect(guard.series('t', 'm', 2, 0, [], 0)).toBeUndefined();
    // Nothing can be dropped that would make it fewer, so it is kept as a dead letter.
    expect(guard.series('t', 'm', 3, 0, [], 0)).toEqual({
      action: 'dead_letter',
      label: '',
      message:
        'the tenant has 2 active series; one of the metric "m" is one too many in this hour; the limit is limits.series_active_max (2)',
    });
    expect(guard.series('t', 'm', 2, 0, [], 0)).toBeUndefined();
    expect(guard.use()).toEqual([{ tenant: 't', series: 2, streams: 0 }]);
  });

  it.each([
    [
      { labelNamesMax: 1 },
      [
        ['a', '1'],
        ['b', '2'],
      ],
      '',
      /has 2 labels; the limit is 1 \(limits.label_names_max\)/,
    ],
    [{ labelNameBytesMax: 5 }, [['täglich', '1']], 'täglich', /whose name has 8 bytes; the limit is 5/],
    [{ labelValueBytesMax: 5 }, [['a', '身份证号']], 'a', /whose value has 12 bytes; the limit is 5/],
  ] as const)('with %j the labels %j are refused', (limits, labels, label, message) => {
    const guard = createCardinality(limitsOf({ ...limits, cardinalityAction: 'reject' }));
    const fault = guard.series('t', 'm', 1, 1, labels as never, 0);
    expect(fault).toMatchObject({ action: 'reject', label });
    expect(fault?.message).toMatch(message);
  });

  it('never drops a label without which a series is another thing', () => {
    const guard = createCardinality(limitsOf({ labelValuesMax: 1, cardinalityAction: 'drop_label' }));
    guard.series('t', 'm', 1, 1, [['le', '1']], 0);
    expect(guard.series('t', 'm', 2, 2, [['le', '2']], 0)?.action).toBe('dead_letter');
    guard.series('t', 'm', 3, 3, [['id', '1']], 0);
    expect(guard.series('t', 'm', 4, 4, [['id', '2']], 0)?.action).toBe('drop_label');
  });

  it('knows a stream again whatever the order of its labels', () => {
    const guard = createCardinality(limitsOf({ streamsActiveMax: 1 }));
    const labels: [string, string][] = [
      ['app', 'a'],
      ['pod', 'b'],
    ];
    expect(guard.stream('t', labels, 0)).toBeUndefined();
    expect(guard.stream('t', labels.toReversed(), 0)).toBeUndefined();
    expect(
      guard.stream(
        't',
        [
          ['app', 'b'],
          ['pod', 'a'],
        ],
        0,
      )?.message,
    ).toContain('limits.streams_active_max');
  });

  it('remembers a bounded number of offenders, the newest', () => {
    const guard = createCardinality(limitsOf({ labelNamesMax: 1 }));
    for (let n = 0; n < 1_000; n++)
      guard.series(
        't',
        `m${n}`,
        n,
        n,
        [
          ['a', ''],
          ['b', ''],
        ],
        n,
      );
    expect(guard.offenders()).toHaveLength(200);
    expect(guard.offenders().some(({ metric }) => metric === 'm999')).toBe(true);
  });
});

describe('sets of hashes', () => {
  const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
  it('hold what a Set of the same numbers holds, apart from zero, which is one', () => {
    fc.assert(
      fc.property(fc.array(u32, { maxLength: 500 }), (values) => {
        const set = new HashSet32();
        for (const value of values) set.add(value);
        expect(set.size).toBe(new Set(values.map((value) => value || 1)).size);
        expect(values.every((value) => set.has(value))).toBe(true);
      }),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(u32, u32), { maxLength: 500 }), (pairs) => {
        const set = new HashSet64(16);
        for (const [low, high] of pairs) set.add(low, high);
        expect(set.size).toBe(new Set(pairs.map(([low, high]) => `${low},${high || 1}`)).size);
        expect(pairs.every(([low, high]) => set.has(low, high))).toBe(true);
      }),
    );
  });
});
