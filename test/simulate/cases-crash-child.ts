/**
 * One life of a process that drives cases: opens the ledger on disk, reports the incidents (again), runs the loop, and
 * says so when every case has come to rest. The test kills it at seeded moments.
 * Arguments: data directory, address of the gateway, number of incidents.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openLedger } from '../../src/ledger/index.ts';
import { systemClock } from '../../src/lib/index.ts';
import { cause, log, signal, verdict, worldOn } from '../contract/cases-support.ts';

const [dir = '', gateway = '', count = '1'] = process.argv.slice(2);
const catalog = join(dir, 'catalog');
mkdirSync(join(catalog, 'playbooks'), { recursive: true });
writeFileSync(
  join(catalog, 'playbooks', 'two-steps.yaml'),
  `id: test.two.steps
title: Repair \${cause.service}
causes: [bad_release]
risk_score: 0.1
steps:
  - { action: gateway.flip, params: { url: "${gateway}/routes", service: "\${cause.service}", to: good, from: bad }, timeout_s: 10, retry: 3 }
  - { action: http.request, params: { url: "${gateway}/second/\${cause.service}", json: {} }, timeout_s: 10, retry: 3 }
verify: { objectives: [broken], window_s: 1, deadline_s: 20 }
`,
);
const ledger = await openLedger({ dir: join(dir, 'ledger'), clock: systemClock, log });
const world = worldOn(ledger, {
  catalogDirs: [catalog],
  limits: { scriptAllow: [], httpAllow: [gateway], scriptOutputBytesMax: 4_096 },
  diagnose: async (_tenant, { signals }) => {
    await systemClock.sleep(30);
    const service = signals[0]?.service ?? '';
    return verdict({ causes: [cause({ service, resource: `urn:svc:${service}` })] });
  },
});
const unfinished = await world.cases.list({
  tenant: 'default',
  limit: 100,
  status: ['NEW', 'ANALYZING', 'PLANNING', 'WAIT_GATE', 'EXECUTING', 'VERIFYING'],
});
process.stdout.write(`found ${unfinished.length} unfinished\n`);
await world.start();
process.stdout.write('started\n');
for (let index = 0; index < Number(count); index++) {
  const service = `service-${index}`;
  await world.cases.openIncident({
    tenant: 'default',
    title: `${service} fails`,
    severity: 'ERROR',
    signals: [signal({ service })],
    resource: `urn:svc:${service}`,
    service,
  });
}
for (;;) {
  const list = await world.cases.list({ tenant: 'default', limit: 100 });
  const { pending } = await world.bus.health();
  if (pending === 0 && list.every((each) => each.status === 'CLOSED' || each.status === 'PARKED')) break;
  await systemClock.sleep(50);
}
await world.stop();
await ledger.close();
process.stdout.write('at rest\n');
