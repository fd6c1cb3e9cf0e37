import { describe, expect, it } from 'vitest';
import { shapeOf, shapeText } from './shape.ts';

const same = [
  ['order 17 took 3.5ms', 'order 4711 took 120ms'],
  ['user 550e8400-e29b-41d4-a716-446655440000 in', 'user 6ba7b810-9dad-11d1-80b4-00c04fd430c8 in'],
  ['from 10.0.0.1:8080 port', 'from 192.168.17.254:443 port'],
  ['key=17 other=a1b2', 'key=9 other=ff03'],
  ['GET /users/17/cart', 'GET /users/99/cart'],
  ['commit deadbeef ok', 'commit cafebabeff ok'],
  ['open "a file" failed', 'open "another one" failed'],
  ["name 'x y' unknown", "name 'z' unknown"],
  ['at 2026-01-02T03:04:05.678Z start', 'at 2025-12-31T23:59:59.001Z start'],
  ['ids [1, 2, 3]', 'ids [4, 5]'],
  ['a  b\tc', 'a b c'],
  ['temperature -5 now', 'temperature 7 now'],
  ['订单17已完成', '订单4711已完成'],
];
const different = [
  ['order 17 failed', 'order 17 done'],
  ['connected', 'disconnected'],
  ['GET /users/17', 'GET /orders/17'],
  ['alpha=1', 'beta=1'],
  ["can't open file", "can't close file"],
  ['{"msg":"started"}', '{"msg":"stopped"}'],
  ['', ' x'],
  ['a b', 'ab'],
  ['value 1', 'value'],
  ['订单17已完成', '订单17已取消'],
];

describe('shape', () => {
  it.each(same)('%j and %j have one shape', (a, b) => {
    expect(shapeText(a)).toBe(shapeText(b));
  });
  it.each(different)('%j and %j have two shapes', (a, b) => {
    expect(shapeText(a)).not.toBe(shapeText(b));
  });
  it('is the same from text and from a range of bytes', () => {
    const bytes = Buffer.from('noise»order 17 took 3 ms«noise');
    const start = bytes.indexOf('order');
    const end = bytes.indexOf('«');
    expect(shapeOf(bytes, start, end)).toBe(shapeText('order 18 took 4 ms'));
  });
  it('spreads: 50 000 different words give as many shapes', () => {
    const letters = (n: number): string =>
      n < 26 ? String.fromCharCode(97 + n) : letters(Math.floor(n / 26)) + letters(n % 26);
    const shapes = new Set(Array.from({ length: 50_000 }, (_, n) => shapeText(`msg ${letters(n)}z`)));
    expect(shapes.size).toBe(50_000);
  });
});
