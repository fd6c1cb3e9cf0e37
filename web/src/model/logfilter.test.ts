import { describe, expect, test } from 'vitest';
import { chipsOf, hasFilter, parseLogSearch, standing, toggled, without } from './logfilter.ts';
import { parseSearch, stringifySearch } from './url.ts';

describe('filters of the log list', () => {
  test('a link written by the server reads as the same filter', () => {
    const link = 'service=payments&from=1&to=2&severity=error&attr=http.route%3D%2Fcharge';
    expect(parseLogSearch(parseSearch(link))).toEqual({
      service: ['payments'],
      severity: ['ERROR'],
      attr: ['http.route=/charge'],
    });
  });

  test('the filter survives the URL', () => {
    const filter = { service: ['a', '!b'], q: '"two words" -three', attr: ['!k=v'] };
    expect(parseLogSearch(parseSearch(stringifySearch(filter)))).toEqual(filter);
  });

  test('a click includes, a second click takes it back', () => {
    const once = toggled({}, 'service', 'cart', false);
    expect(once.service).toEqual(['cart']);
    expect(toggled(once, 'service', 'cart', false).service).toBeUndefined();
  });

  test('excluding replaces including and the other way round', () => {
    const included = toggled({}, 'user.region', 'eu', false);
    const excluded = toggled(included, 'user.region', 'eu', true);
    expect(excluded.attr).toEqual(['!user.region=eu']);
    expect(standing(excluded, 'user.region', 'eu')).toBe('out');
    expect(toggled(excluded, 'user.region', 'eu', false).attr).toEqual(['user.region=eu']);
  });

  test('every chip can be removed, and then no filter is left', () => {
    let filter = parseLogSearch({ service: ['a', '!b'], q: 'x', pattern: 'p', trace_id: 't', attr: 'k=v=w' });
    expect(chipsOf(filter)).toHaveLength(6);
    expect(chipsOf(filter).at(-1)).toMatchObject({ key: 'k', text: 'v=w', excludes: false });
    for (const chip of chipsOf(filter)) filter = without(filter, chip);
    expect(hasFilter(filter)).toBe(false);
  });
});
