import type { Syslog } from '../receive/index.ts';
import { type HealthSource, metric } from './health.ts';

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
        metric({
          name: 'connections',
          value: connections,
          ok: connections < connectionsMax,
          message: `${connections} of ${connectionsMax} connections`,
          suggestion:
            'Further senders are refused: raise syslog.connections_max, or let fewer relays forward for many.',
        }),
        metric({
          name: 'waiting_bytes',
          value: waitingBytes,
          ok: waitingBytes < bufferBytesMax,
          message: `${waitingBytes} bytes wait to be stored`,
          suggestion:
            'TCP senders are not read and datagrams are dropped until there is room: look at "detail", or raise syslog.buffer_bytes_max.',
        }),
        metric({
          name: 'dropped_datagrams',
          value: dropped,
          ok: newlyDropped === 0,
          message: `${dropped} datagrams dropped since the start, ${newlyDropped} since the last look`,
          suggestion:
            'Forward over TCP: it waits where UDP loses. Or raise syslog.buffer_bytes_max for short bursts.',
        }),
      ];
    },
  };
}
