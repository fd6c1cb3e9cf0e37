import type { Bus } from '../bus/index.ts';
import type { DetailStore } from '../detail/index.ts';
import type { Ledger } from '../ledger/index.ts';
import type { Clock } from '../lib/index.ts';
import { listRuns } from '../rollup/index.ts';
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
        suggestion: 'The ledger is overloaded or gone: check the disk, then restart Clew.',
      }),
      metric({
        name: 'schema_drift',
        value: health.drift.length,
        ok: health.drift.length === 0,
        message: health.drift.join('; ') || 'schema as migrated',
        suggestion: 'Someone changed the schema by hand; put it back, or restore a backup.',
      }),
    ];
  },
});

/** Windows behind the newest one that could be done; more means that the job does not keep up or keeps failing. */
const windowsBehindMax = 5;

/** After a start the windows of the last hour are made up for; that is no trouble for so long. */
const catchUpMs = 600_000;

/** How far the condensed picture is behind, and what stopped it. */
export const rollupSource = (
  ledger: Ledger,
  clock: Clock,
  config: { enabled: boolean; delayS: number; alignS: number },
  tenant: string,
  startedAt = clock.monotonic(),
): HealthSource => ({
  namespace: 'rollup',
  async collect() {
    if (!config.enabled) return [];
    const catchingUp = clock.monotonic() - startedAt < catchUpMs;
    const tenantId = await ledger.tenantId(tenant);
    const [newest] = await listRuns(ledger, { tenantId, job: 'oo-agg', state: 'success', limit: 1 });
    const [broken] = await listRuns(ledger, { tenantId, job: 'oo-agg', state: 'failed', limit: 1 });
    const lagS = newest ? (clock.now() - newest.to) / 1_000 : 0;
    const lagSMax = config.delayS + windowsBehindMax * config.alignS;
    return [
      metric({
        name: 'window_lag_s',
        value: Math.round(lagS),
        ok: lagS <= lagSMax || catchingUp,
        message: newest ? `the newest window ends ${Math.round(lagS)} s ago` : 'no window was due yet',
        suggestion: `More than ${lagSMax} s behind: look at /api/v1/etl/runs for errors, and at the load of this machine.`,
      }),
      metric({
        name: 'failed_window',
        value: broken ? broken.run_id : '',
        ok: broken === undefined,
        message: broken?.error ?? 'no window was given up',
        suggestion: 'Mend the cause, then run the window again with POST /events/enqueue.',
      }),
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
