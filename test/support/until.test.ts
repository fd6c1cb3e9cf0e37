import { expect, it } from 'vitest';
import { until } from './until.ts';

it('waiting ends with what is there, also with 0 and an empty text', async () => {
  let looks = 0;
  expect(await until('three looks', () => ++looks === 3 && [looks], { everyMs: 1 })).toEqual([3]);
  expect(await until('a number', async () => 0)).toBe(0);
  expect(await until('a text', () => '')).toBe('');
});

it('waiting in vain says for what and how long, and a failed look is no waiting', async () => {
  const patience = { withinMs: 20, everyMs: 5 };
  for (const nothing of [false, null, undefined])
    await expect(until('the cart is back', () => nothing, patience)).rejects.toThrow(
      'not within 20 ms: the cart is back',
    );
  await expect(until('the cart', () => Promise.reject(new Error('refused')))).rejects.toThrow('refused');
});
