import { isoNanoseconds } from '../iso-time.ts';

const months = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

/** A time as RFC 3164 writes it: the time of a wall clock somewhere, often without its year. */
export interface WallTime {
  /** '' when it was not sent. */
  year: string;
  month: string;
  day: string;
  /** `hh:mm:ss` */
  clock: string;
  /** Digits behind the dot. */
  fraction: string;
  /** 'UTC' and 'GMT' are understood; other names are not unique in the world and mean the zone of the setting. */
  zone: string;
}

/** Turns wall times into nanoseconds since 1970. `timeZone` is a name of the IANA database, or 'local'. */
export class WallClock {
  private readonly format: Intl.DateTimeFormat;
  /** Lines come in the order of their seconds, and asking for an offset costs ten times as much as the rest of a line. */
  private lastText = '';
  private lastMs = 0;

  constructor(timeZone: string) {
    this.format = new Intl.DateTimeFormat('en-US', {
      ...(timeZone === 'local' ? {} : { timeZone }),
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  }

  /** Undefined when there is no such time. Without a year it is the one that brings it nearest to now. */
  nanoseconds(time: WallTime, nowMs: number): bigint | undefined {
    const text = `${time.year} ${time.month} ${time.day} ${time.clock} ${time.zone} ${Math.floor(nowMs / 3_600_000)}`;
    if (text !== this.lastText) {
      const ms = this.milliseconds(time, nowMs);
      if (ms === undefined) return undefined;
      this.lastText = text;
      this.lastMs = ms;
    }
    return BigInt(this.lastMs) * 1_000_000n + BigInt(time.fraction.slice(0, 9).padEnd(9, '0'));
  }

  /** An ISO 8601 time; without a zone it is of the setting's zone. */
  iso(text: string): bigint | undefined {
    const ns = isoNanoseconds(text);
    if (ns === undefined || /(Z|z|[+-]\d{2}:?\d{2})$/.test(text.slice(10))) return ns;
    const ms = ns / 1_000_000n;
    return ns + BigInt(this.inZone(Number(ms))) * 1_000_000n - ms * 1_000_000n;
  }

  private milliseconds(time: WallTime, nowMs: number): number | undefined {
    const years =
      time.year === ''
        ? [0, -1, 1].map((more) => new Date(nowMs).getUTCFullYear() + more)
        : [Number(time.year)];
    let best: number | undefined;
    for (const year of years) {
      const ms = this.inYear(year, time);
      if (ms !== undefined && (best === undefined || Math.abs(ms - nowMs) < Math.abs(best - nowMs)))
        best = ms;
    }
    return best;
  }

  private inYear(year: number, time: WallTime): number | undefined {
    const month = months.indexOf(time.month);
    const day = Number(time.day);
    const [hour = 0, minute = 0, second = 0] = time.clock.split(':').map(Number);
    if (month < 0 || hour > 23 || minute > 59 || second > 60) return undefined;
    const wall = Date.UTC(year, month, day, hour, minute, second);
    const date = new Date(Date.UTC(year, month, day));
    if (date.getUTCMonth() !== month || date.getUTCDate() !== day) return undefined;
    return time.zone === 'UTC' || time.zone === 'GMT' ? wall : this.inZone(wall);
  }

  /** `wallMs` is what a clock shows, read as if it were UTC. Twice: the first guess may lie beyond a change of the offset. */
  private inZone(wallMs: number): number {
    const guess = wallMs - this.offsetMs(wallMs);
    return wallMs - this.offsetMs(guess);
  }

  private offsetMs(atMs: number): number {
    const part: Record<string, number> = {};
    for (const { type, value } of this.format.formatToParts(atMs)) part[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(atMs / 1000) * 1000;
  }
}
