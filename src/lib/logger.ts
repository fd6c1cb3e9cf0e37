import pino from 'pino';

export type Logger = pino.Logger;

/** Our own log: one JSON object a line on standard error, so that standard output stays free for results. */
export function createLogger(options: { level: string; name?: string }): Logger {
  return pino(
    {
      level: options.level,
      name: options.name ?? 'clew',
      redact: { paths: ['*.token', '*.password', '*.authorization', 'headers.authorization'], censor: '***' },
    },
    pino.destination({ fd: 2, sync: true }),
  );
}
