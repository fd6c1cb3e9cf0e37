/** Severity names of the ledger's `severity` type, in rising order. */
export const severities = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] as const;
export type Severity = (typeof severities)[number];

/** OpenTelemetry severity number (1–24; 0 = unset, which reads as INFO) to its name. */
export function severityOf(severityNumber: number): Severity {
  if (severityNumber <= 0) return 'INFO';
  return severities[Math.min(5, Math.floor((severityNumber - 1) / 4))] ?? 'FATAL';
}

/** First OpenTelemetry severity number of ERROR: rows at or above it count as errors. */
export const severityNumberError = 17;
