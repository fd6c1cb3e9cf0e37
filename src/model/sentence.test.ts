import { expect, test } from 'vitest';
import { fillTemplate, sentence, titled } from './sentence.ts';

test('text, code and values come from one place', () => {
  expect(
    sentence('change.near', { kind: 'deploy', service: 'cart', secondsBefore: 40, title: 'cart 2.0' }),
  ).toEqual({
    text: 'deploy on cart 40 s before the onset: cart 2.0.',
    code: 'change.near',
    params: { kind: 'deploy', service: 'cart', secondsBefore: 40, title: 'cart 2.0' },
  });
});

test('of alternatives the first whose values are given is said', () => {
  const near = { kind: 'config', title: 'pool 2' };
  expect(sentence('change.near', { ...near, service: '', secondsBefore: undefined })).toEqual({
    text: 'config on an unnamed service at the onset: pool 2.',
    code: 'change.near',
    params: { ...near, service: '' },
  });
  expect(fillTemplate('a[, {b} of {c}].', { b: 1 })).toBe('a.');
  expect(fillTemplate('a[, {b} of {c}].', { b: 0, c: 1 })).toBe('a, 0 of 1.');
});

test('quotes are never read as a template', () => {
  const quote = '{service} [x|y] $& $1';
  expect(sentence('log_pattern.new', { service: 'cart', sample: quote, rate: '3' }).text).toBe(
    `cart logs “${quote}” 3 times/s; never before.`,
  );
});

test('a template without a value that must be said is not said', () => {
  expect(fillTemplate('{a} and {b}', { a: 1 })).toBeNull();
});

test('a title and its summary are said from the same values', () => {
  expect(titled('signal.surge', { service: 'cart', value: '12', normal: '4.0' })).toEqual({
    title: 'cart: traffic rose to 12 requests/s',
    summary: 'cart receives 12 requests/s; normal is 4.0.',
    code: 'signal.surge',
    params: { service: 'cart', value: '12', normal: '4.0' },
  });
});
