import { describe, expect, it } from 'vitest';
import { type Groupable, groupsOf } from './group.ts';

const one = (id: string, resource: string, from: number, group: string | null = null): Groupable => ({
  id,
  resourceIds: [resource],
  from,
  to: from + 60_000,
  group,
});
const calls = (a: string, b: string) => [`${a}${b}`, `${b}${a}`].some((edge) => ['ab', 'bc'].includes(edge));

describe('groupsOf', () => {
  it('joins what begins together along calls, and nothing else', () => {
    const groups = groupsOf(
      [
        one('1', 'a', 0),
        one('2', 'b', 120_000),
        one('3', 'c', 240_000),
        one('4', 'x', 0),
        one('5', 'a', 5_000_000),
      ],
      calls,
    );
    expect(groups.get('2')).toBe('1');
    expect(groups.get('3')).toBe('1');
    expect(groups.get('4')).toBe('4');
    expect(groups.get('5')).toBe('5');
  });

  it('keeps the name of a group that is known, whatever joins it and in whatever order', () => {
    const members = [one('9', 'b', 0), one('1', 'a', 60_000, 'g'), one('2', 'c', 30_000)];
    for (const order of [members, members.toReversed()])
      expect([...groupsOf(order, calls).values()]).toEqual(['g', 'g', 'g']);
  });
});
