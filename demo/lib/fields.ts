import { HttpError } from './http-error.ts';

type Fields = Record<string, unknown>;

/** Reads a field that must be text; the caller's mistake is a 400 that names it. */
export function text(body: Fields, key: string): string {
  const value = body[key];
  if (typeof value !== 'string' || value === '')
    throw new HttpError(400, 'bad_request', `"${key}" must be a non-empty text`);
  return value;
}

export function whole(body: Fields, key: string): number {
  const value = body[key];
  if (typeof value !== 'number' || !Number.isInteger(value))
    throw new HttpError(400, 'bad_request', `"${key}" must be a whole number`);
  return value;
}

export interface Line {
  sku: string;
  quantity: number;
  priceCents: number;
}

export function lines(body: Fields): Line[] {
  if (!Array.isArray(body.lines)) throw new HttpError(400, 'bad_request', '"lines" must be a list');
  return body.lines.map((line: Fields) => ({
    sku: text(line, 'sku'),
    quantity: whole(line, 'quantity'),
    priceCents: whole(line, 'priceCents'),
  }));
}

export const totalCents = (all: Line[]): number =>
  all.reduce((sum, line) => sum + line.quantity * line.priceCents, 0);
