import type { FlowListener } from '../receive/index.ts';
import type { HealthSource } from './health.ts';

/** What the flow ports could not store or did not let in. Without a listener there is nothing to say. */
export const flowSource = (listener: () => FlowListener | null): HealthSource => ({
  namespace: 'flow',
  async collect() {
    const health = listener()?.health();
    if (health === undefined) return [];
    const { undelivered, undeliveredLately, refused, lastRefused, lost, heldBytes, lastError } = health;
    const metric = (name: string, value: number, ok: boolean, message: string, suggestion: string) => ({
      status: ok,
      metric_name: name,
      metric_value: value,
      dimensions: {},
      message,
      suggestion: ok ? '' : suggestion,
    });
    return [
      metric(
        'undelivered_flows',
        undelivered,
        !undeliveredLately,
        undelivered === 0
          ? 'every flow received was stored'
          : `${undelivered} flows were not stored: ${lastError}`,
        'Give the disk or the engine more room (ingest.pending_bytes_max), or let the exporters sample.',
      ),
      metric('held_bytes', heldBytes, true, `${heldBytes} bytes of flows wait for room in the store`, ''),
      metric(
        'lost_by_sequence',
        lost,
        true,
        `sequence numbers show ${lost} lost on the way; clew_flow_lost_total names the exporters`,
        '',
      ),
      metric(
        'refused_datagrams',
        refused,
        // Anybody can send a datagram, so this alone makes nothing unhealthy.
        true,
        refused === 0
          ? 'no other address sent'
          : `${refused} datagrams were not let in, the last from ${lastRefused}; flow.exporters_allow names who may send`,
        '',
      ),
    ];
  },
});
