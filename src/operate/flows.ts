import type { FlowListener } from '../receive/index.ts';
import { type HealthSource, metric } from './health.ts';

/** What the flow ports could not store or did not let in. Without a listener there is nothing to say. */
export const flowSource = (listener: () => FlowListener | null): HealthSource => ({
  namespace: 'flow',
  async collect() {
    const health = listener()?.health();
    if (health === undefined) return [];
    const { undelivered, undeliveredLately, refused, lastRefused, lost, heldBytes, lastError } = health;
    return [
      metric({
        name: 'undelivered_flows',
        value: undelivered,
        ok: !undeliveredLately,
        message:
          undelivered === 0
            ? 'every flow received was stored'
            : `${undelivered} flows were not stored: ${lastError}`,
        suggestion:
          'Give the disk or the engine more room (ingest.pending_bytes_max), or let the exporters sample.',
      }),
      metric({
        name: 'held_bytes',
        value: heldBytes,
        ok: true,
        message: `${heldBytes} bytes of flows wait for room in the store`,
        suggestion: '',
      }),
      metric({
        name: 'lost_by_sequence',
        value: lost,
        ok: true,
        message: `sequence numbers show ${lost} lost on the way; clew_flow_lost_total names the exporters`,
        suggestion: '',
      }),
      metric({
        name: 'refused_datagrams',
        value: refused,
        // Anybody can send a datagram, so this alone makes nothing unhealthy.
        ok: true,
        message:
          refused === 0
            ? 'no other address sent'
            : `${refused} datagrams were not let in, the last from ${lastRefused}; flow.exporters_allow names who may send`,
        suggestion: '',
      }),
    ];
  },
});
