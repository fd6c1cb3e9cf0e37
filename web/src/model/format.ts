/** Figures as people read them: always with their unit, tabular, at most three digits that matter. */
const none = '–';

function digits(value: number): string {
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return value.toFixed(0);
  return size >= 10 ? value.toFixed(1) : value.toFixed(2);
}

export function formatCount(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return none;
  const size = Math.abs(value);
  if (size >= 999_500_000) return `${digits(value / 1e9)}G`;
  if (size >= 999_500) return `${digits(value / 1e6)}M`;
  if (size >= 10_000) return `${digits(value / 1e3)}k`;
  return digits(value);
}

export function formatRate(perSecond: number | null | undefined): string {
  if (perSecond === null || perSecond === undefined || !Number.isFinite(perSecond)) return none;
  if (perSecond > 0 && perSecond < 0.01) return '<0.01/s';
  return `${formatCount(perSecond)}/s`;
}

/** A ratio 0–1 as percent. Values near 1 keep the digits that tell 99.9 from 99.99. */
export function formatRatio(ratio: number | null | undefined): string {
  if (ratio === null || ratio === undefined || !Number.isFinite(ratio)) return none;
  const percent = ratio * 100;
  if (percent === 0 || percent === 100) return `${percent} %`;
  if (percent > 99 && percent < 100) return `${Math.floor(percent * 1000) / 1000} %`;
  if (percent < 0.01) return '<0.01 %';
  return `${percent >= 10 ? percent.toFixed(1) : percent.toFixed(2)} %`;
}

export function formatMs(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return none;
  const size = Math.abs(ms);
  if (size === 0) return '0 ms';
  if (size < 1) return `${digits(Math.round(ms * 1000))} µs`;
  if (size < 1_000) return `${digits(ms)} ms`;
  if (size < 60_000) return `${digits(ms / 1_000)} s`;
  return formatSpan(ms);
}

/** A length of time in its two largest units: `1 m 20 s`, `3 h 05 m`, `2 d 4 h`. */
export function formatSpan(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return none;
  const s = Math.max(0, Math.floor(ms / 1_000));
  if (s < 60) return `${s} s`;
  if (s < 3_600) return `${Math.floor(s / 60)} m ${String(s % 60).padStart(2, '0')} s`;
  if (s < 86_400)
    return `${Math.floor(s / 3_600)} h ${String(Math.floor((s % 3_600) / 60)).padStart(2, '0')} m`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3_600)} h`;
}

/** A configured length: as a span, without a second unit that is zero. `1 m`, `10 m`, `1 m 30 s`. */
export const formatLength = (ms: number | null | undefined): string =>
  formatSpan(ms).replace(/ 0+ [smh]$/, '');

/** A countdown: `1:20`. */
export function formatClock(ms: number): string {
  const s = Math.max(0, Math.ceil(ms / 1_000));
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, '0')}`;
}

export function formatBytes(bytes: number | null | undefined): string {
  if (bytes === null || bytes === undefined || !Number.isFinite(bytes)) return none;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : digits(value)} ${units[unit]}`;
}

const two = (value: number): string => String(value).padStart(2, '0');

/** Local time of day; milliseconds when asked for. */
export function formatTime(at: number, ms = false): string {
  const date = new Date(at);
  const text = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return ms ? `${text}.${String(date.getMilliseconds()).padStart(3, '0')}` : text;
}

export function formatDay(at: number): string {
  const date = new Date(at);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

export const formatMoment = (at: number, ms = false): string => `${formatDay(at)} ${formatTime(at, ms)}`;

/** Time alone when it is today, the day before it otherwise. */
export const formatNear = (at: number, now: number): string =>
  formatDay(at) === formatDay(now) ? formatTime(at) : formatMoment(at);

/** `UTC+02:00` of the browser, so that a shared screenshot can be read elsewhere. */
export function formatZone(at: number): string {
  const minutes = -new Date(at).getTimezoneOffset();
  const size = Math.abs(minutes);
  return minutes === 0
    ? 'UTC'
    : `UTC${minutes < 0 ? '−' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/** A value in the unit of its indicator (availability, latency_p95, …). */
export function formatIndicator(indicator: string, value: number | null | undefined): string {
  switch (indicator) {
    case 'availability':
    case 'error_rate':
      return formatRatio(value);
    case 'latency_p95':
      return formatMs(value);
    case 'throughput':
    case 'log_volume':
      return formatRate(value);
    default:
      return formatCount(value);
  }
}

/** A figure of Clew's own health, whose name ends with its unit: `insert_lag_ms`, `disk_free_bytes`, `window_lag_s`. */
export function formatOwnMetric(name: string, value: number | string): string {
  if (typeof value === 'string') return value;
  if (name.endsWith('_bytes')) return formatBytes(value);
  if (name.endsWith('_ms')) return formatMs(value);
  return name.endsWith('_s') ? formatSpan(value * 1_000) : formatCount(value);
}

/** A value on an axis: as `formatUnit`, without a second unit that is zero. */
export const formatTick = (value: number, unit: string): string =>
  formatUnit(value, unit).replace(/ 0+ [smh]$/, '');

/** A value in a unit named by the server (`ms`, `ratio`, `1/s`, `bytes`, …). */
export function formatUnit(value: number | null | undefined, unit: string): string {
  if (unit === 'ms') return formatMs(value);
  if (unit === 's') return formatMs(value === null || value === undefined ? value : value * 1_000);
  if (unit === 'ratio') return formatRatio(value);
  if (unit === '%' || unit === 'percent')
    return value === null || value === undefined ? none : `${digits(value)} %`;
  if (unit === '1/s' || unit === '/s' || unit === 'rps' || unit === 'req/s') return formatRate(value);
  if (unit === 'bytes' || unit === 'By' || unit === 'B') return formatBytes(value);
  const text = formatCount(value);
  return unit === '' || unit === '1' || text === none ? text : `${text} ${unit}`;
}
