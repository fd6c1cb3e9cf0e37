import type { Syslog } from '../receive/index.ts';
import type { HealthMetric, HealthSource } from './health.ts';

/** The syslog listeners: whether there is room for lines and senders, and whether datagrams were lost. */
export function syslogSource(syslog: Pick<Syslog, 'state'>): HealthSource {
  let droppedBefore = 0;
  return {
    namespace: 'syslog',
    async collect() {
      const { connections, connectionsMax, waitingBytes, bufferBytesMax, dropped } = syslog.state();
      const newlyDropped = dropped - droppedBefore;
      droppedBefore = dropped;
      return [
        metric(
          'connections',
          connections,
          connections < connectionsMax,
          `${connections} of ${connectionsMax} connections`,
          'Further senders are refused: raise syslog.connections_max, or let fewer relays forward for many.',
        ),
        metric(
          'waiting_bytes',
          waitingBytes,
          waitingBytes < bufferBytesMax,
          `${waitingBytes} bytes wait to be stored`,
          'TCP senders are not read and datagrams are dropped until there is room: look at "detail", or raise syslog.buffer_bytes_max.',
        ),
        metric(
          'dropped_datagrams',
          dropped,
          newlyDropped === 0,
          `${dropped} datagrams dropped since the start, ${newlyDropped} since the last look`,
          'Forward over TCP: it waits where UDP loses. Or raise syslog.buffer_bytes_max for short bursts.',
        ),
      ];
    },
  };
}

const metric = (
  name: string,
  value: number,
  ok: boolean,
  message: string,
  suggestion: string,
): HealthMetric => ({
  status: ok,
  metric_name: name,
  metric_value: value,
  dimensions: {},
  message,
  suggestion: ok ? '' : suggestion,
});
