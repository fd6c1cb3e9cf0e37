const wrap = 0x1_0000_0000;

/**
 * A time told as milliseconds since the exporter started, as nanoseconds since 1970. `uptimeMs` belongs to `nowMs`. The
 * uptime wraps after 49 days, so a moment that seems to lie half of that ahead was before the wrap.
 */
export function uptimeNs(nowMs: number, uptimeMs: number, atMs: number): bigint {
  let ms = nowMs - uptimeMs + atMs;
  if (atMs - uptimeMs > wrap / 2) ms -= wrap;
  else if (uptimeMs - atMs > wrap / 2) ms += wrap;
  return millisecondsNs(ms);
}

export const millisecondsNs = (ms: number): bigint => BigInt(Math.max(0, Math.floor(ms))) * 1_000_000n;

/** Seconds between 1900, where NTP starts, and 1970. */
const ntpOffset = 2_208_988_800n;

/** An NTP time (32 bits of seconds since 1900, 32 bits of fraction), as IPFIX sends micro- and nanoseconds. */
export function ntpNs(seconds: number, fraction: number): bigint {
  const ns =
    (BigInt(seconds) - ntpOffset) * 1_000_000_000n + (BigInt(fraction) * 1_000_000_000n) / 0x1_0000_0000n;
  return ns < 0n ? 0n : ns;
}
