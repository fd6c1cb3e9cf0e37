import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OpenIncident } from '../../src/cases/index.ts';
import type { Ledger } from '../../src/ledger/index.ts';
import { openTestLedger } from '../../src/ledger/testing.ts';
import { type Clock, systemClock } from '../../src/lib/index.ts';
import { titled } from '../../src/model/index.ts';
import { signal, verdict, type World, worldOn } from './cases-support.ts';

let ledger: Ledger;
let world: World;
let now = 1_700_000_020_000;
const clock: Clock = { ...systemClock, now: () => now };
const trace = 'd'.repeat(32);

beforeAll(async () => {
  ledger = await openTestLedger();
  // Not started: nothing moves but by our own calls.
  world = worldOn(ledger, {
    clock,
    evidenceRows: async () => [{ Body: 'copied from the detail store' }],
  });
});
afterAll(() => ledger.close());

const incident = (tenant: string, over: Partial<OpenIncident> = {}): OpenIncident => ({
  tenant,
  title: 'payments fails',
  severity: 'ERROR',
  signals: [signal({ tenant })],
  resource: 'urn:svc:payments',
  service: 'payments',
  ...over,
});

const go = (
  caseId: string,
  ...events: Parameters<World['cases']['orchestrator']['transition']>[0]['event'][]
) =>
  events.reduce<Promise<unknown>>(
    (before, event) =>
      before.then(() =>
        world.cases.orchestrator.transition({ caseId, event, actor: 'x', reason: 'x', traceId: trace }),
      ),
    Promise.resolve(),
  );

describe('one case per incident', () => {
  test('however many times and from however many sides the same signals are reported', async () => {
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => world.cases.openIncident(incident('t-one'))),
    );
    expect(new Set(answers.map((answer) => answer.caseId)).size).toBe(1);
    expect(answers.filter((answer) => answer.opened)).toHaveLength(1);
  });

  test('the end of a signal is a note in the timeline of an open case, and changes nothing else', async () => {
    const { caseId } = await world.cases.openIncident(incident('t-ended'));
    const [given] = incident('t-ended').signals;
    const before = await world.cases.head(caseId);
    await world.cases.signalsEnded(caseId, ['unknown']);
    await world.cases.signalsEnded(caseId, [given?.fingerprint ?? '']);
    expect(await world.cases.head(caseId)).toEqual(before);
    const timeline = await world.cases.timeline(caseId);
    expect(timeline.filter((entry) => entry.event === 'signals_ended')).toMatchObject([
      { reason: given?.title },
    ]);
  });

  test('a list and the timeline carry what the title was made of, so that it can be said in another language', async () => {
    const named = titled('signal.surge', { service: 'payments', value: '12', normal: '4.0' });
    const { code, params, title } = named;
    await world.cases.openIncident(
      incident('t-said', { title, signals: [signal({ tenant: 't-said', ...named })] }),
    );
    const [listed] = await world.cases.list({ tenant: 't-said', limit: 5 });
    expect(listed).toMatchObject({ title, said: { code, params } });
    const entries = await world.cases.timeline(listed?.id ?? '');
    expect(entries.find((entry) => entry.event === 'signals')?.meta).toMatchObject({
      titles: [{ code, params }],
    });
    await world.cases.openIncident(incident('t-unsaid'));
    expect((await world.cases.list({ tenant: 't-unsaid', limit: 5 }))[0]?.said).toBeNull();
  });

  test('another signal of the same resource joins; another resource opens its own case, numbered per tenant', async () => {
    const first = await world.cases.openIncident(incident('t-two'));
    const joined = await world.cases.openIncident(
      incident('t-two', {
        signals: [signal({ tenant: 't-two', fingerprint: 'anomaly:payments:latency', severity: 'FATAL' })],
      }),
    );
    expect(joined).toEqual({ caseId: first.caseId, opened: false });
    const other = await world.cases.openIncident(
      incident('t-two', {
        signals: [signal({ tenant: 't-two', service: 'cart' })],
        resource: 'urn:svc:cart',
        service: 'cart',
      }),
    );
    expect(other.opened).toBe(true);
    const open = await world.cases.openCases('t-two');
    expect(open.map((each) => [each.number, each.fingerprints.length, each.severity])).toEqual([
      [1, 2, 'FATAL'],
      [2, 1, 'ERROR'],
    ]);
  });

  test('the tail of a closed incident opens no second case, a new failure does', async () => {
    const { caseId } = await world.cases.openIncident(incident('t-tail'));
    await ledger.query(`UPDATE ops_case SET status = 'CLOSED', closed_at = $2 WHERE id = $1`, [
      caseId,
      new Date(now),
    ]);
    await ledger.query('UPDATE case_signal SET open = false WHERE case_id = $1', [caseId]);
    now += 5_000;
    expect(await world.cases.openIncident(incident('t-tail'))).toEqual({ caseId, opened: false });
    const again = incident('t-tail', { signals: [signal({ tenant: 't-tail', since: now + 1 })] });
    expect((await world.cases.openIncident(again)).opened).toBe(true);
  });

  test('a parked case keeps its own signals but does not swallow an incident that began later', async () => {
    const { caseId } = await world.cases.openIncident(incident('t-park'));
    await go(caseId, 'start_analysis', 'park');
    expect((await world.cases.openIncident(incident('t-park'))).caseId).toBe(caseId);
    const later = incident('t-park', { signals: [signal({ tenant: 't-park', since: now + 60_000 })] });
    const second = await world.cases.openIncident(later);
    expect(second.opened).toBe(true);
    expect((await world.cases.timeline(caseId)).at(-1)?.event).toBe('superseded');
    await go(caseId, 'resume');
  });

  test('the store itself refuses a second open case with the same key', async () => {
    await world.cases.openIncident(incident('t-guard'));
    const insert = world.cases.orchestrator.create({
      tenant: 't-guard',
      title: 'x',
      severity: 'ERROR',
      service: '',
      resource: '',
      automatic: false,
      incidentKey: 'urn:svc:payments',
      actor: 'x',
      traceId: trace,
    });
    await expect(insert).rejects.toThrow(/ux_case_open_incident/);
  });
});

describe('findings', () => {
  test('evidence is copied, hashed, linked to the twelve tables, and leads back to raw rows', async () => {
    const { caseId } = await world.cases.openIncident(incident('t-find'));
    await world.cases.recordVerdict(caseId, verdict(), trace);
    const detail = await world.cases.read(caseId);
    expect(detail.verdict?.causes[0]?.kind).toBe('bad_release');
    expect(detail.evidence.map((each) => [each.ref, each.rows.length])).toEqual([
      ['e1', 1],
      ['e2', 1],
    ]);
    expect(detail.evidence[1]?.rows[0]).toEqual({ Body: 'copied from the detail store' });
    for (const each of detail.evidence) {
      expect(each.sha256).toMatch(/^[0-9a-f]{64}$/);
      const found = await world.cases.evidence('t-find', each.id);
      expect(found.locatorId).toBe(each.locator_id);
      const locator = await world.cases.locator('t-find', each.locator_id ?? '');
      expect(locator).toMatchObject({ tenant: 't-find', filter: { equals: { ServiceName: 'payments' } } });
      await expect(world.cases.evidence('t-other', each.id)).rejects.toMatchObject({ code: 'not_found' });
      await expect(world.cases.locator('t-other', each.locator_id ?? '')).rejects.toMatchObject({
        code: 'not_found',
      });
    }
    const links = await ledger.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM evidence_link l JOIN event_envelope e USING (event_id)
       WHERE e.kind = 'diagnosis' AND e.labels->>'case_id' = $1`,
      [caseId],
    );
    expect(links[0]?.n).toBe(2);
  });

  test('whoever changes a frozen row, a hash or the verdict is found out', async () => {
    const { caseId } = await world.cases.openIncident(incident('t-tamper'));
    await world.cases.recordVerdict(caseId, verdict());
    const verify = () => world.cases.verifyEvidence(caseId);
    expect(await verify()).toMatchObject({ ok: true });
    await ledger.query(
      `UPDATE case_evidence SET body = replace(body, '500', '200') WHERE case_id = $1 AND seq = 0`,
      [caseId],
    );
    expect(await verify()).toMatchObject({ ok: false, broken: ['e1'] });
    await ledger.query(
      `UPDATE case_evidence SET body = replace(body, '200', '500') WHERE case_id = $1 AND seq = 0`,
      [caseId],
    );
    expect(await verify()).toMatchObject({ ok: true });
    await ledger.query(
      `UPDATE ops_case SET verdict = jsonb_set(verdict, '{causes,0,kind}', '"slow_query"') WHERE id = $1`,
      [caseId],
    );
    expect(await verify()).toMatchObject({ ok: false, broken: ['whole'] });
  });

  test('the first verdict stands: a second one changes nothing', async () => {
    const { caseId } = await world.cases.openIncident(incident('t-first'));
    await world.cases.recordVerdict(caseId, verdict());
    const before = await world.cases.read(caseId);
    await world.cases.recordVerdict(caseId, verdict({ verdict: 'inconclusive', causes: [], evidence: [] }));
    const after = await world.cases.read(caseId);
    expect([after.evidence_hash, after.verdict?.verdict]).toEqual([before.evidence_hash, 'root_cause']);
  });
});
