import { momentOf, oneOf, textOf } from './url.ts';

/** What every page carries in its URL: either the last so-and-so long, or two pinned moments. */
export interface FrameSearch {
  range?: string;
  from?: number;
  to?: number;
  live?: 'on' | 'off';
}

export interface Window {
  from: number;
  to: number;
}

export const defaultRange = '30m';
export const ranges = ['5m', '15m', '30m', '1h', '3h', '12h', '24h', '7d'] as const;

const unitMs: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** Longer than any retention; a larger figure is a typing error. */
const spanMsMax = 400 * 86_400_000;

/** `90s`, `30m`, `3h`, `7d` to milliseconds; undefined when it is not such a text. */
export function parseSpan(text: string): number | undefined {
  const match = /^(\d{1,6})([smhd])$/.exec(text.trim());
  const unit = unitMs[match?.[2] ?? ''];
  if (match === null || unit === undefined) return undefined;
  const ms = Number(match[1]) * unit;
  return ms > 0 && ms <= spanMsMax ? ms : undefined;
}

/** `30m` of the address as it is read: `30 m`. */
export const rangeText = (range: string): string => range.replace(/(?<=\d)[smhd]$/, ' $&');

/** The next longer range to look at where one of this length holds nothing; undefined when there is none. */
export const widerRange = (ms: number): string | undefined =>
  (['24h', '7d'] as const).find((range) => (parseSpan(range) ?? 0) > ms * 1.01);

export function parseFrame(raw: Record<string, unknown>): FrameSearch {
  const from = momentOf(raw.from);
  const to = momentOf(raw.to);
  const range = textOf(raw.range);
  const live = oneOf(raw.live, ['on', 'off'] as const);
  return {
    ...(from !== undefined && to !== undefined && from < to
      ? { from, to }
      : range !== undefined && parseSpan(range) !== undefined && range !== defaultRange
        ? { range }
        : {}),
    ...(live === undefined ? {} : { live }),
  };
}

export const isPinned = (search: FrameSearch): boolean =>
  search.from !== undefined && search.to !== undefined;

export function windowOf(search: FrameSearch, now: number): Window {
  if (search.from !== undefined && search.to !== undefined) return { from: search.from, to: search.to };
  return { from: now - (parseSpan(search.range ?? defaultRange) ?? 1_800_000), to: now };
}

/** Half a window earlier (-1) or later (+1), pinned; never past now. */
export function shifted(window: Window, direction: -1 | 1, now: number): Window {
  const length = window.to - window.from;
  const to = Math.min(window.to + (direction * length) / 2, now);
  return { from: Math.round(to - length), to: Math.round(to) };
}

/** Twice as wide around the middle, for "nothing here, look wider". */
export function widened(window: Window, now: number): Window {
  const half = window.to - window.from;
  const middle = (window.from + window.to) / 2;
  const to = Math.min(middle + half, now);
  return { from: Math.round(middle - half), to: Math.round(to) };
}
