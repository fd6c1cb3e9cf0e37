import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { ClewError } from '../lib/index.ts';
import { type CatalogFile, readCatalog } from './catalog.ts';

const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
const dayNames: readonly string[] = days;
const clockTime = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be hh:mm');
const instant = z.string().refine((text) => Number.isFinite(Date.parse(text)), 'must be an ISO 8601 time');

const windowBase = {
  id: z.string().min(1).max(100),
  reason: z.string().min(1).max(300),
  /** Only these services; all when absent. */
  services: z.array(z.string().min(1)).min(1).optional(),
};

const windowSchema = z.union([
  z.strictObject({ ...windowBase, from: instant, to: instant }),
  z.strictObject({
    ...windowBase,
    weekly: z.strictObject({
      days: z.array(z.enum(days)).min(1),
      from: clockTime,
      /** Earlier than `from`: the window ends on the next day. */
      to: clockTime,
      /** IANA name. */
      zone: z.string().default('UTC'),
    }),
  }),
]);

export type FreezeWindow = z.infer<typeof windowSchema>;

const fileSchema = z.strictObject({ windows: z.array(windowSchema).max(500).default([]) });

export function parseFreeze(file: Pick<CatalogFile, 'path' | 'text'>): FreezeWindow[] {
  const parsed = fileSchema.safeParse(parseYaml(file.text) ?? {});
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new ClewError('bad_request', `Freeze windows ${file.path} are not valid: ${problems.join('; ')}`);
  }
  for (const window of parsed.data.windows) {
    if ('weekly' in window && !isZone(window.weekly.zone))
      throw new ClewError(
        'bad_request',
        `Freeze windows ${file.path}: ${window.id}.weekly.zone ${window.weekly.zone} is no time zone.`,
      );
  }
  return parsed.data.windows;
}

export const loadFreezes = (dirs: readonly string[]): FreezeWindow[] =>
  readCatalog('policies', dirs, /^freeze.*\.ya?ml$/).flatMap(parseFreeze);

function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en-GB', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

/** The windows that hold at `at` for any of the services. */
export function freezesAt(
  windows: readonly FreezeWindow[],
  at: number,
  services: readonly string[],
): FreezeWindow[] {
  return windows.filter((window) => {
    if (window.services && !window.services.some((service) => services.includes(service))) return false;
    if ('weekly' in window) return inWeekly(window.weekly, at);
    return at >= Date.parse(window.from) && at < Date.parse(window.to);
  });
}

/** Weekday (0 = Sunday) and minute of the day in a zone. */
export function wallClock(at: number, zone: string): { day: number; minute: number } {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(at);
  const part = (type: string) => parts.find((each) => each.type === type)?.value ?? '';
  return {
    day: dayNames.indexOf(part('weekday').toLowerCase()),
    minute: Number(part('hour')) * 60 + Number(part('minute')),
  };
}

function inWeekly(
  weekly: { days: readonly (typeof days)[number][]; from: string; to: string; zone: string },
  at: number,
): boolean {
  const { day, minute } = wallClock(at, weekly.zone);
  const on = (index: number) => weekly.days.some((name) => name === days[(index + 7) % 7]);
  const from = minuteOf(weekly.from);
  const to = minuteOf(weekly.to);
  if (from < to) return on(day) && minute >= from && minute < to;
  return (on(day) && minute >= from) || (on(day - 1) && minute < to);
}

const minuteOf = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
