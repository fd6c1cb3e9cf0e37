import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MalformedError } from '../otlp/wire.ts';
import { ExportReader } from './export.ts';
import { type JournalField, journalRecord } from './record.ts';

/** Set to repeat a run; fast-check prints the seed of a failure as well. */
const seed = 20_261_120;

const binary = (name: string, value: Uint8Array): Buffer => {
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(value.length));
  return Buffer.concat([Buffer.from(`${name}\n`), size, value, Buffer.from('\n')]);
};
const plain = (entries: JournalField[][]) =>
  entries.map((entry) => entry.map(({ name, value }) => [name, Buffer.from(value).toString('latin1')]));

function read(chunks: (string | Uint8Array)[], valueBytesMax = 1000): JournalField[][] {
  const entries: JournalField[][] = [];
  const reader = new ExportReader({ valueBytesMax }, (entry) => entries.push(entry));
  for (const chunk of chunks) reader.push(Buffer.from(chunk));
  reader.end();
  return entries;
}

describe('the export format', () => {
  it('is read in any chunks: text, bytes, empty values, the last entry without its empty line', () => {
    const wire = Buffer.concat([
      Buffer.from('\n__CURSOR=s=1\nMESSAGE=a=b\nEMPTY=\n\n\n'),
      binary('MESSAGE', Buffer.from('x\n\ny\0')),
      binary('NOTHING', Buffer.alloc(0)),
      Buffer.from('_PID=1\n'),
    ]);
    const expected = [
      [
        ['__CURSOR', 's=1'],
        ['MESSAGE', 'a=b'],
        ['EMPTY', ''],
      ],
      [
        ['MESSAGE', 'x\n\ny\0'],
        ['NOTHING', ''],
        ['_PID', '1'],
      ],
    ];
    expect(plain(read([wire]))).toEqual(expected);
    expect(plain(read([...wire].map((byte) => Uint8Array.of(byte))))).toEqual(expected);
  });

  const size = (value: bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(value);
    return bytes;
  };
  const bad: [string, Uint8Array, RegExp][] = [
    ['a name that is none', Buffer.from('not a name=x\n'), /"not a name" is no name of a journal field/],
    ['a name too long', Buffer.from(`${'A'.repeat(65)}=x\n`), /is no name/],
    [
      'no newline behind bytes',
      Buffer.concat([Buffer.from('A\n'), size(1n), Buffer.from('xy')]),
      /No newline follows the value of A/,
    ],
    [
      'an endless size',
      Buffer.concat([Buffer.from('A\n'), size(2n ** 60n)]),
      /said to have 1152921504606846976 bytes/,
    ],
    ['an end within a line', Buffer.from('MESSAGE=x'), /ends in the middle of a field/],
    [
      'an end within bytes',
      Buffer.concat([Buffer.from('A\n'), size(9n), Buffer.from('x')]),
      /ends in the middle of a field/,
    ],
    ['an end within a size', Buffer.from('A\nxx'), /ends in the middle of a field/],
  ];
  it.each(bad)('with %s is refused', (_name, wire, message) => {
    expect(() => read([wire])).toThrow(MalformedError);
    expect(() => read([wire])).toThrow(message);
  });

  it('holds a bounded part of a value, whatever is announced, and names what was left out of an entry', () => {
    const long = 'x'.repeat(5000);
    const [first] = plain(read([`A=${long}\n`, binary('B', Buffer.from(long)), 'C=1\n\n']));
    expect(first?.map(([name, value]) => [name, value?.length])).toEqual([
      ['A', 1063],
      ['B', 1065],
      ['C', 1],
    ]);
    const many = Array.from({ length: 1100 }, (_, i) => `F${i}=\n`).join('');
    const [entry] = plain(read([many]));
    expect(entry).toHaveLength(1025);
    expect(entry?.at(-1)).toEqual([
      'clew.truncated',
      Array.from({ length: 20 }, (_, i) => `F${1024 + i}`).join(','),
    ]);
  });

  /** What is written comes back, whatever the bytes and the chunks. */
  function keepsEntries(reader: (chunks: Uint8Array[]) => JournalField[][]): void {
    const name = fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,10}$/);
    const field = fc.record({ name, value: fc.uint8Array({ maxLength: 40 }) });
    const entry = fc.array(field, { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(
        fc.array(entry, { maxLength: 5 }),
        fc.array(fc.nat(500), { maxLength: 6 }),
        (entries, cuts) => {
          const wire = entries.map((fields) => {
            const parts = fields.map(({ name: key, value }) =>
              value.includes(0x0a) || value.length > 20
                ? binary(key, value)
                : Buffer.concat([Buffer.from(`${key}=`), value, Buffer.from('\n')]),
            );
            return Buffer.concat([...parts, Buffer.from('\n')]);
          });
          const all = Buffer.concat(wire);
          const places = [0, ...cuts.map((cut) => cut % (all.length + 1)), all.length].sort((a, b) => a - b);
          const chunks = places.slice(1).map((end, index) => all.subarray(places[index], end));
          expect(plain(reader(chunks))).toEqual(plain(entries));
        },
      ),
      { seed, numRuns: 500 },
    );
  }

  it('gives back what was written', () => keepsEntries((chunks) => read(chunks)));

  it('and the same property catches a reader that takes every value for text', () => {
    const broken = (chunks: Uint8Array[]) => {
      const text = Buffer.concat(chunks).toString('latin1');
      return text
        .split('\n\n')
        .filter(Boolean)
        .map((entry) =>
          entry.split('\n').map((line) => {
            const at = line.indexOf('=');
            return { name: line.slice(0, at), value: Buffer.from(line.slice(at + 1), 'latin1') };
          }),
        );
    };
    expect(() => keepsEntries(broken)).toThrow(/Property failed/);
  });

  it('of any bytes is read or refused', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 5 }), (chunks) => {
        try {
          read(chunks);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedError);
        }
      }),
      { seed, numRuns: 3000 },
    );
  });
});

describe('an entry', () => {
  const record = (fields: Record<string, string>) =>
    journalRecord(Object.entries(fields).map(([name, value]) => ({ name, value: Buffer.from(value) })));

  it('becomes a record; the names of its fields stay', () => {
    const made = record({
      __CURSOR: 's=1;i=2',
      __REALTIME_TIMESTAMP: '1767225600123456',
      __MONOTONIC_TIMESTAMP: '7',
      PRIORITY: '4',
      SYSLOG_FACILITY: '3',
      _SYSTEMD_UNIT: 'nginx.service',
      _HOSTNAME: 'h1',
      _PID: '12',
      TRACE_ID: 'ab'.repeat(16),
      MESSAGE: 'hello',
    });
    expect(Buffer.from(made.body).toString()).toBe('hello');
    expect(made).toMatchObject({
      timeNs: 1_767_225_600_123_456_000n,
      severity: 'warning',
      service: 'nginx',
      traceId: 'ab'.repeat(16),
      resource: [
        ['service.name', 'nginx'],
        ['host.name', 'h1'],
      ],
      attributes: [
        ['journald.cursor', 's=1;i=2'],
        ['journald.monotonic_timestamp', '7'],
        ['SYSLOG_FACILITY', '3'],
        ['_SYSTEMD_UNIT', 'nginx.service'],
        ['_PID', '12'],
      ],
    });
  });

  it('without anything is of an unknown service, and a priority that is none stays a field', () => {
    expect(record({ PRIORITY: '9', _COMM: 'x' })).toMatchObject({ severity: '', service: 'x', timeNs: 0n });
    expect(record({ PRIORITY: '9' }).attributes).toEqual([['PRIORITY', '9']]);
    expect(record({ A: '1' }).service).toBe('unknown_service');
  });
});
