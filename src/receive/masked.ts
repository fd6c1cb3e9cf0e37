import type { ChangeEvent } from '../model/index.ts';
import type { TranscodeLimits } from './otlp/transcoder.ts';
import type { Masker } from './refine.ts';

/** `text` with everything hidden that the rules find; for receivers that hold their records as text. */
export function maskedText(masker: Masker | null | undefined, text: string, tenant: string): string {
  if (masker === null || masker === undefined || text === '') return text;
  const bytes = Buffer.from(text);
  return masker.suspects(bytes, 0, bytes.length) ? masker.mask(text, tenant) : text;
}

/** The same for the value of an attribute, whose name alone may say that it is a secret. */
export function maskedValue(
  masker: Masker | null | undefined,
  key: string,
  value: string,
  tenant: string,
): string {
  if (masker === null || masker === undefined) return value;
  const bytes = Buffer.from(key);
  if (masker.suspectsKey(bytes, 0, bytes.length) && masker.maskKey(key, tenant)) return masker.maskedValue;
  return maskedText(masker, value, tenant);
}

/** All values of a set of labels. */
export const maskedLabels = (
  masker: Masker | null | undefined,
  labels: Readonly<Record<string, string>>,
  tenant: string,
): Record<string, string> =>
  Object.fromEntries(
    Object.entries(labels).map(([key, value]) => [key, maskedValue(masker, key, value, tenant)]),
  );

/** Change events before they become a block. */
export const maskedChanges = (
  limits: Pick<TranscodeLimits, 'refinery' | 'clockSkewS'>,
  tenant: string,
  events: readonly ChangeEvent[],
): ChangeEvent[] =>
  events.map((event) => ({
    ...event,
    title: maskedText(limits.refinery?.masker, event.title, tenant),
    labels: maskedLabels(limits.refinery?.masker, event.labels, tenant),
  }));
