import { expect, test } from 'vitest';
import { collapseDigits, shapesOfPattern } from './templates.ts';

test('a message without a mined template shows its numbers and identifiers as variables', () => {
  expect(collapseDigits('order 4711 took 35ms for user=u-17 from 10.0.0.1:8080')).toBe(
    'order <*> took <*> for user=<*> from <*>',
  );
  expect(collapseDigits('card declined\n  at charge()')).toBe('card declined');
});

test('shape ids stand for themselves, other ids ask the pattern room, unknown ones are refused', async () => {
  const shapesOf = async (_tenant: string, id: string) => (id === '7' ? ['11', '12'] : []);
  expect(await shapesOfPattern('t', 's5,7', { shapesOf })).toEqual(['5', '11', '12']);
  await expect(shapesOfPattern('t', '8', { shapesOf })).rejects.toThrow(/no log pattern "8"/);
  await expect(shapesOfPattern('t', '7', {})).rejects.toThrow(/no log pattern "7"/);
});
