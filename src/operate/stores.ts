import type { Bus } from '../bus/index.ts';
import type { DetailStore } from '../detail/index.ts';
import type { Ledger } from '../ledger/index.ts';
import { type HealthSource, metric } from './health.ts';

/** Acknowledged rows that can't be asked for this long after are a trouble that a person notices. */
const insertLagMsMax = 10_000;
const ledgerLatencyMsMax = 1_000;
const outboxAgeMsMax = 60_000;

export const detailSource = (detail: Pick<DetailStore, 'health'>): HealthSource => ({
  namespace: 'detail',
  async collect() {
    const health = detail.health();
    return [
      metric({
        name: 'ready',
        value: health.ready ? 1 : 0,
        ok: health.ready,
        message: health.ready ? 'replay is done' : 'write-ahead segments are being replayed',
        suggestion:
          'Wait; senders keep what is not acknowledged. If it does not end, look at the last error.',
      }),
      metric({
        name: 'insert_lag_ms',
        value: Math.round(health.insertLagMs),
        ok: health.insertLagMs <= insertLagMsMax,
        message: `oldest acknowledged record waits ${Math.round(health.insertLagMs)} ms for its insert`,
        suggestion:
          'The engine is slower than the senders: give Clew more cores or a faster disk, or send less.',
      }),
      metric({
        name: 'pending_bytes',
        value: health.pendingBytes,
        ok: true,
        message: 'bytes waiting to be inserted',
        suggestion: '',
      }),
      metric({
        name: 'last_error',
        value: health.lastError ?? '',
        ok: health.lastError === null,
        message: health.lastError ?? 'no error',
        suggestion:
          'Look at the quarantine folder under data_dir/detail: nothing is lost, segments there can be inserted again.',
      }),
    ];
  },
});

export const ledgerSource = (ledger: Ledger): HealthSource => ({
  namespace: 'ledger',
  async collect() {
    const health = await ledger.health();
    return [
      metric({
        name: 'latency_ms',
        value: Math.round(health.latencyMs),
        ok: health.ready && health.latencyMs <= ledgerLatencyMsMax,
        message: health.lastError ?? `answers in ${Math.round(health.latencyMs)} ms`,
        suggestion: ledger.capabilities.embedded
          ? 'The ledger is overloaded or gone: check the disk, then restart Clew.'
          : 'Look at the PostgreSQL server of ledger.url and the way to it. Telemetry is taken in meanwhile; jobs and cases go on by themselves when it answers again.',
      }),
      metric({
        name: 'schema_drift',
        value: health.drift.length,
        ok: health.drift.length === 0,
        message: health.drift.join('; ') || 'schema as migrated',
        suggestion: 'Someone changed the schema by hand; put it back, or restore a backup.',
      }),
      ...ledger.capabilities.list.map(({ name, present, version, trouble, message }) =>
        metric({
          name: `capability: ${name}`,
          value: present ? (version ?? 'there') : 'absent',
          ok: !trouble,
          message: `${name}: ${message}`,
          suggestion: message,
        }),
      ),
    ];
  },
});

export const busSource = (bus: Pick<Bus, 'health'>): HealthSource => ({
  namespace: 'bus',
  async collect() {
    const health = await bus.health();
    return [
      metric({
        name: 'outbox_oldest_ms',
        value: Math.round(health.oldestMs),
        ok: health.oldestMs <= outboxAgeMsMax,
        message: `${health.pending} messages wait, the oldest for ${Math.round(health.oldestMs)} ms`,
        suggestion: 'A consumer fails again and again; its error stands in the log under "bus".',
      }),
      metric({
        name: 'outbox_poisoned',
        value: health.poisoned,
        ok: health.poisoned === 0,
        message: `${health.poisoned} messages were given up`,
        suggestion:
          'Look at outbox.last_error of the poisoned rows, mend the cause, and set poisoned_at to null.',
      }),
    ];
  },
});
