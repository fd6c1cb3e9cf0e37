import { counter, gauge } from '../../lib/index.ts';

/** What this receiver tells about itself at /metrics. */
export const syslogMessages = counter('clew_syslog_messages_total', 'Syslog messages received.', [
  'transport',
]);
export const syslogDropped = counter(
  'clew_syslog_dropped_total',
  'Syslog messages that were lost here: datagrams without room for them, or messages left at the end.',
  ['reason'],
);
export const syslogRefused = counter(
  'clew_syslog_refused_total',
  'Connections and datagrams that were not taken.',
  ['reason'],
);
export const syslogCut = counter(
  'clew_syslog_cut_total',
  'Syslog messages longer than syslog.message_bytes_max.',
);
export const syslogConnections = gauge('clew_syslog_connections', 'Open connections of syslog senders.');
export const syslogWaitingBytes = gauge(
  'clew_syslog_waiting_bytes',
  'Bytes of syslog messages received and not yet delivered.',
);
