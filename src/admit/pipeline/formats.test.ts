import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isoNanoseconds } from '../../receive/index.ts';
import { loadFormats, parseFormat } from './formats.ts';

const formats = await loadFormats([join(import.meta.dirname, '..', '..', '..', 'catalog')]);
const nowMs = Date.UTC(2026, 0, 10);
const samples = formats.list.flatMap(({ name, samples }) => samples.map((sample) => ({ name, ...sample })));

describe('the catalogue of formats', () => {
  it.each(samples)('$name: $line', ({ name, line, time, severity, fields }) => {
    const found = formats.read(name, line, nowMs);
    expect(Object.fromEntries(found?.fields ?? [])).toEqual(fields);
    expect(found?.timeNs).toBe(time === undefined ? undefined : isoNanoseconds(time));
    expect(found?.severity).toBe(severity ?? '');
    // Found by its looks as well.
    expect(formats.read('auto', line, nowMs)?.format).toBe(name);
  });

  it('has all ten kinds of log', () => expect(new Set(formats.list.map(({ kind }) => kind)).size).toBe(10));

  it.each(['', 'hello', '{', '{"a":', 'GET / HTTP/1.1', '\u0000\u0001', 'query: client '])(
    '%j is of none',
    (line) => expect(formats.read('auto', line, nowMs)).toBeNull(),
  );

  it('reads sixteen thousand characters of anything in less than a quarter of a second', () => {
    for (const unit of [
      'a',
      '1',
      ' ',
      '"',
      '[',
      '1.',
      ', client: ',
      'a=',
      '<=',
      ' TLS',
      'src=',
      '] "',
      'postfix/a[1]: ',
      'IP 1.2 > 3.4: ',
    ]) {
      const line = unit.repeat(16_384 / unit.length);
      const startedAt = performance.now();
      for (const name of formats.names) formats.read(name, line, nowMs);
      expect([unit, performance.now() - startedAt < 250]).toEqual([unit, true]);
    }
  });

  it('a format file that is wrong names file, line and field', () => {
    const file = (text: string) => ({ source: 'f.yaml', text });
    const base = 'name: x\nkind: vpn\nabout: a\nsamples: [{line: a, fields: {}}]\n';
    expect(() => parseFormat(file(base))).toThrow('f.yaml:1: patterns: is missing');
    expect(() => parseFormat(file(`${base}patterns: ["("]\n`))).toThrow(
      'f.yaml:5: patterns.0: is no regular expression: Unterminated group',
    );
    expect(() => parseFormat(file(`${base}patterns: [a]\ntime: {field: t, formats: ["%Q"]}\n`))).toThrow(
      'f.yaml:6: time.formats.0: %Q is not known',
    );
    expect(() => parseFormat(file('name: x\nkind: tea\n'))).toThrow(
      /^f\.yaml:2: kind: Invalid option: expected one of "application"\|/,
    );
  });
});
