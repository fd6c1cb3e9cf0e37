import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Ledger } from '../../src/ledger/index.ts';
import { openTestLedger } from '../../src/ledger/testing.ts';
import { systemClock } from '../../src/lib/index.ts';
import type { ObjectiveReading } from '../../src/model/index.ts';
import { cause, signal, verdict, type World, worldOn } from '../contract/cases-support.ts';
import { until } from '../support/until.ts';

/** A gateway with an admin address, as small as one can be. */
class TestGateway {
  current = '2.4.0';
  calls: { method: string; path: string; body: Record<string, unknown> }[] = [];
  refuse = 0;
  readonly #server: Server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => {
      text += chunk;
    });
    request.on('end', () => {
      const body = text === '' ? {} : JSON.parse(text);
      this.calls.push({ method: request.method ?? '', path: request.url ?? '', body });
      if (this.refuse > 0) {
        this.refuse--;
        response.writeHead(503).end('{"error":"busy","password":"hunter2"}');
        return;
      }
      const previous = this.current;
      if (typeof body.to === 'string') this.current = body.to;
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ service: body.service, previous, current: this.current }));
    });
  });

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

let ledger: Ledger;
let gateway: TestGateway;
let origin: string;
let catalog: string;
let world: World;

const playbook = (extra = '') => `
id: test.flip.back
title: Shift \${cause.service} back to \${facts.previous_version}
causes: [bad_release]
risk_score: 0.2
steps:
  - action: gateway.flip
    title: Shift \${cause.service} back
    params:
      url: ${origin}/admin/routes/\${cause.service}
      service: \${cause.service}
      to: \${facts.previous_version}
      from: \${facts.version}
    timeout_s: 10
    retry: 1
${extra}
verify:
  objectives: [broken]
  window_s: 1
  deadline_s: 2
`;

const holding = async (_tenant: string, objectiveId: string, windowS: number): Promise<ObjectiveReading> => ({
  objectiveId,
  holds: gateway.current === '2.3.9',
  value: gateway.current === '2.3.9' ? 1 : 0.6,
  target: 0.999,
  windowS,
  samples: 50,
});

async function begin(text: string, options: Parameters<typeof worldOn>[1] = {}): Promise<void> {
  writeFileSync(join(catalog, 'playbooks', 'flip.yaml'), text);
  world = worldOn(ledger, {
    catalogDirs: [catalog],
    limits: { scriptAllow: [], httpAllow: [origin], scriptOutputBytesMax: 4_096 },
    readObjective: holding,
    ...options,
  });
  await world.start();
}

async function incident(tenant: string): Promise<string> {
  const { caseId } = await world.cases.openIncident({
    tenant,
    title: 'payments fails',
    severity: 'ERROR',
    signals: [signal({ tenant, since: systemClock.now() - 10_000, detectedAt: systemClock.now() })],
    resource: 'urn:svc:payments',
    service: 'payments',
  });
  return caseId;
}

const ends = (caseId: string, status: string) =>
  until(
    `case in ${status}`,
    async () => {
      const head = await world.cases.head(caseId);
      return head.status === status && head;
    },
    { withinMs: 20_000 },
  );

beforeAll(async () => {
  ledger = await openTestLedger();
});
beforeEach(async () => {
  gateway = new TestGateway();
  origin = await gateway.listen();
  catalog = mkdtempSync(join(tmpdir(), 'clew-catalog-'));
  mkdirSync(join(catalog, 'playbooks'));
  mkdirSync(join(catalog, 'policies'));
});
afterEach(async () => {
  await world.stop();
  gateway.close();
  rmSync(catalog, { recursive: true, force: true });
});
afterAll(() => ledger.close());

describe('the loop without a person', () => {
  test('from signals to a closed case: diagnosed, frozen, planned, approved, flipped, verified', async () => {
    await begin(playbook());
    const id = await incident('loop1');
    await ends(id, 'CLOSED');
    expect(gateway.current).toBe('2.3.9');
    const detail = await world.cases.read(id);
    expect(detail.number).toBe(1);
    expect(detail.plan?.title).toBe('Shift payments back to 2.3.9');
    expect(detail.gate).toMatchObject({
      decision: 'approve',
      policies: ['auto-low-risk'],
      needs_person: false,
    });
    expect(detail.steps).toMatchObject([{ status: 'ok', attempt: 1, output: { status: 200 } }]);
    expect(detail.verification).toMatchObject({ status: 'pass', window_s: 1 });
    expect(detail.verification?.history.length).toBeGreaterThan(5);
    expect(detail.evidence).toHaveLength(2);
    expect(detail.evidence[0]?.link).toMatch(/^\/traces\?service=payments&from=\d+&to=\d+&status=error$/);
    expect(await world.cases.verifyEvidence(id)).toMatchObject({ ok: true, broken: [] });
    const events = (await world.cases.timeline(id)).map((entry) => entry.event);
    expect(events).toEqual([
      'create',
      'signals',
      'start_analysis',
      'findings',
      'analysis_done',
      'plan_ready',
      'gate_approved',
      'step_result',
      'exec_done',
      'verify_pass',
    ]);
    const topics = await ledger.query<{ topic: string }>(
      'SELECT DISTINCT topic FROM outbox WHERE key = $1 ORDER BY topic',
      [id],
    );
    expect(topics.map((row) => row.topic)).toEqual([
      'cmd.exec.run',
      'cmd.gate.eval',
      'cmd.plan.generate',
      'cmd.verify.run',
      'evt.analysis.findings.v1',
      'evt.case.transition.v1',
      'evt.exec.done.v1',
      'evt.exec.step_result.v1',
      'evt.plan.approved.v1',
      'evt.plan.proposed.v1',
      'evt.verify.pass.v1',
    ]);
  });

  test('a verification that fails takes the flip back and parks the case', async () => {
    await begin(playbook(), {
      readObjective: async (_tenant, objectiveId, windowS) => ({
        objectiveId,
        holds: false,
        value: 0.7,
        target: 0.999,
        windowS,
        samples: 10,
      }),
    });
    const id = await incident('loop2');
    const head = await ends(id, 'PARKED');
    expect(head.parkedReason).toMatch(/payments\.availability is 0\.7.*1 steps were taken back/);
    expect(gateway.current).toBe('2.4.0');
    const { steps, verification } = await world.cases.read(id);
    expect(steps.map((step) => [step.phase, step.status])).toEqual([
      ['forward', 'compensated'],
      ['compensate', 'ok'],
    ]);
    expect(verification?.status).toBe('failed');
  });

  test('steps that ran are taken back in reverse order when a later one fails', async () => {
    await begin(
      playbook(`
  - action: http.request
    params: { method: POST, url: "${'$'}{params.base}/second" }
    timeout_s: 10
    rollback: { action: http.request, params: { method: POST, url: "${'$'}{params.base}/undo-second" }, timeout_s: 10 }
  - action: http.request
    params: { method: POST, url: "${'$'}{params.base}/third", expect_status: 404 }
    timeout_s: 10
params: { base: "${origin}" }`),
    );
    const id = await incident('loop3');
    const head = await ends(id, 'PARKED');
    expect(head.parkedReason).toContain('step 3 (http.request) failed');
    expect(gateway.calls.map((call) => call.path)).toEqual([
      '/admin/routes/payments',
      '/second',
      '/third',
      '/undo-second',
      '/admin/routes/payments',
    ]);
    expect(gateway.current).toBe('2.4.0');
  });

  test('a step is tried again when its retry allows, and secrets in its answer are masked', async () => {
    await begin(playbook());
    gateway.refuse = 1;
    const id = await incident('loop4');
    await ends(id, 'CLOSED');
    const { steps } = await world.cases.read(id);
    expect(steps[0]).toMatchObject({ status: 'ok', attempt: 2 });
    gateway.refuse = 2;
    gateway.current = '2.4.0';
    const second = await incident('loop5');
    await ends(second, 'PARKED');
    const failed = await world.cases.read(second);
    expect(JSON.stringify(failed.steps)).not.toContain('hunter2');
    expect(failed.steps[0]).toMatchObject({ status: 'compensated', error: expect.stringContaining('503') });
  });
});

describe('when the loop must not go on alone', () => {
  test('no playbook fits: parked with the reason, nothing invented', async () => {
    await begin(playbook(), {
      diagnose: async () => verdict({ causes: [cause({ facts: {} })] }),
    });
    const id = await incident('alone1');
    const head = await ends(id, 'PARKED');
    expect(head.parkedReason).toMatch(
      /No playbook fits bad_release.*test\.flip\.back needs facts\.previous_version/,
    );
    expect(gateway.calls).toEqual([]);
  });

  test('a risky or doubtful repair waits for one person, who approves it', async () => {
    await begin(playbook().replace('risk_score: 0.2', 'risk_score: 0.6'));
    const id = await incident('alone2');
    await ends(id, 'WAIT_GATE');
    await until('the gate asks for a person', async () => (await world.cases.read(id)).gate?.needs_person);
    expect(gateway.calls).toEqual([]);
    await world.remedy.gate({
      caseId: id,
      decision: 'approve',
      actor: 'ann',
      reason: 'go',
      traceId: 'a'.repeat(32),
    });
    await ends(id, 'CLOSED');
  });

  test('during a freeze nobody approves, except a person who declares an emergency', async () => {
    writeFileSync(
      join(catalog, 'policies', 'freeze.yaml'),
      'windows: [{ id: year-end, reason: books, from: 2020-01-01T00:00:00Z, to: 2099-01-01T00:00:00Z }]',
    );
    await begin(playbook());
    const id = await incident('alone3');
    await until('the gate waits', async () => (await world.cases.read(id)).gate?.needs_person);
    const approve = { caseId: id, decision: 'approve', actor: 'ann', traceId: 'b'.repeat(32) } as const;
    await expect(world.remedy.gate(approve)).rejects.toThrow(/frozen/);
    await world.remedy.gate({ ...approve, emergency: true });
    await ends(id, 'CLOSED');
  });

  test('a policy of the user that forbids parks the case with its reason', async () => {
    writeFileSync(
      join(catalog, 'policies', 'mine.cedar'),
      '@id("hands-off-payments") @reason("payments is repaired by its own team") forbid (principal, action == Action::"approve", resource) when { context.service == "payments" };',
    );
    await begin(playbook());
    const head = await ends(await incident('alone4'), 'PARKED');
    expect(head.parkedReason).toBe('payments is repaired by its own team');
    expect(gateway.calls).toEqual([]);
  });

  test('a repair that failed an hour ago is not approved again without a person', async () => {
    await begin(playbook(), {
      readObjective: async (_tenant, objectiveId, windowS) => ({
        objectiveId,
        holds: false,
        value: null,
        target: 0.999,
        windowS,
        samples: 0,
      }),
    });
    const id = await incident('alone5');
    await ends(id, 'PARKED');
    await world.cases.orchestrator.transition({
      caseId: id,
      event: 'resume',
      actor: 'ann',
      traceId: 'c'.repeat(32),
    });
    await until('the gate waits', async () => (await world.cases.read(id)).gate?.needs_person);
    expect((await world.cases.read(id)).gate?.reasons.join()).toContain('failed in the last hour');
  });
});
