import { describe, expect, test } from 'vitest';
import { absorbed, covers, type KnownTemplate } from './generalise.ts';

describe('a template covers another one', () => {
  test.each([
    ['user <*> logged in', 'user anna logged in', true],
    ['user <*> logged in', 'user <*> logged in', false],
    ['user <*> logged in', 'user anna logged out', false],
    ['user <*> logged in', 'user anna of acme logged in', false],
    ['uid=<*> ok', 'uid=root ok', true],
    ['uid=<*> ok', 'gid=root ok', false],
    ['a<*>b<*>c x', 'a1b2c x', true],
    ['a<*>b<*>c x', 'a1c x', false],
    ['a<*>a x', 'a x', false],
    ['<*> <*>', 'connection lost', false],
  ])('%s ⊇ %s: %s', (general, special, expected) => {
    expect(covers(general, special)).toBe(expected);
  });
});

describe('what a new template takes in', () => {
  const known = (id: string, pattern: string, more: Partial<KnownTemplate> = {}): KnownTemplate => ({
    id,
    pattern,
    error: false,
    fixed: false,
    ...more,
  });
  const mined = [{ pattern: 'user <*> logged in', error: false }];

  test('is every one that it covers, once', () => {
    const found = absorbed(
      [...mined, { pattern: 'user <*> logged <*>', error: false }],
      [known('1', 'user anna logged in'), known('2', 'user bo logged out'), known('3', 'user anna')],
    );
    expect(found.map(({ into, from }) => [into, from.map(({ id }) => id)])).toEqual([
      ['user <*> logged in', ['1']],
      ['user <*> logged <*>', ['2']],
    ]);
  });

  test('is nothing that a person decided about, and never errors into other messages', () => {
    expect(absorbed(mined, [known('1', 'user anna logged in', { fixed: true })])).toEqual([]);
    expect(absorbed(mined, [known('1', 'user anna logged in', { error: true })])).toEqual([]);
  });

  test('is nothing when the template was there before', () => {
    expect(absorbed(mined, [known('1', 'user anna logged in'), known('2', 'user <*> logged in')])).toEqual(
      [],
    );
  });
});
