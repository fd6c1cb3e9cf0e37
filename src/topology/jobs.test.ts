import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Ledger } from '../ledger/index.ts';
import { openTestLedger } from '../ledger/testing.ts';
import type { Job } from '../rollup/index.ts';
import { topologyJobs } from './jobs.ts';

const noon = Date.UTC(2026, 10, 20, 12);
const quarter = 900_000;
let ledger: Ledger;
let tenantId: number;
let dir = '';
let jobs: Job[] = [];

beforeAll(async () => {
  ledger = await openTestLedger();
  tenantId = await ledger.tenantId('shop');
  jobs = topologyJobs({
    ledger,
    iacDirs: (tenant) => (tenant === 'shop' ? [join(dir, 'infra')] : []),
    ansibleDirs: (tenant) => (tenant === 'shop' ? [join(dir, 'plays')] : []),
    iacEveryMs: quarter,
    ansibleEveryMs: 4 * quarter,
    callsIdleMs: 600_000,
    delayMs: 120_000,
    initialLookbackMs: 3_600_000,
  });
});
afterAll(() => ledger.close());
beforeEach(async () => {
  await ledger.query('TRUNCATE topo_edge_time, topo_snapshot, topo_source');
  dir = mkdtempSync(join(tmpdir(), 'clew-topo-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const put = (path: string, text: string | object) => {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), typeof text === 'string' ? text : JSON.stringify(text));
};
const run = (name: string, quarters: number, complete = quarters) => {
  const job = jobs.find((one) => one.name === name);
  if (!job) throw new Error(`no job ${name}`);
  const to = noon + quarters * quarter;
  return job.run({
    tenant: { code: 'shop', id: tenantId },
    window: { from: to - job.alignMs, to },
    completeTo: noon + complete * quarter,
    signal: new AbortController().signal,
    commit: (work) => ledger.transaction(work),
  });
};
const edges = async (): Promise<string[]> =>
  (
    await ledger.query<{ text: string }>(
      `SELECT s.name || ' ' || relation || ' ' || d.name || ' ' || round((extract(epoch FROM lower(valid)) - $1) / 900) || '-' ||
              coalesce(round((extract(epoch FROM upper(valid)) - $1) / 900)::text, '') AS text
         FROM topo_edge_time JOIN dim_resource s ON s.resource_id = src_resource_id JOIN dim_resource d ON d.resource_id = dst_resource_id
        WHERE relation <> 'CONTAINS' ORDER BY 1`,
      [noon / 1_000],
    )
  ).map((row) => row.text);
const problems = async () =>
  (
    await ledger.query<{ problems: { file: string; where: string; what: string }[] }>(
      'SELECT problems FROM topo_source ORDER BY source',
    )
  ).flatMap((row) => row.problems.map((one) => `${one.file}: ${one.where}: ${one.what}`));

const state = (withDatabase: boolean) => ({
  version: 4,
  lineage: 'l',
  resources: [
    {
      mode: 'managed',
      type: 'aws_vpc',
      name: 'net',
      instances: [{ attributes: { id: 'vpc-1', name: 'net' } }],
    },
    ...(withDatabase
      ? [
          {
            mode: 'managed',
            type: 'aws_lb',
            name: 'lb',
            instances: [{ attributes: { id: 'lb-1', name: 'lb' }, dependencies: ['aws_vpc.net'] }],
          },
        ]
      : []),
  ],
});
const service = (name: string) =>
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name} }\nspec: { selector: { app: ${name} } }\n---\napiVersion: v1\nkind: Pod\nmetadata: { name: ${name}-1, labels: { app: ${name} } }\nspec: {}\n`;

it('opens an interval for each edge, writes nothing when nothing changed, closes what is gone and opens it again', async () => {
  put('infra/a.tfstate', state(true));
  expect(await run('topo-iac', 0)).toMatchObject({ rowsRead: 1, rowsWritten: 3 });
  expect(await run('topo-iac', 1)).toMatchObject({ rowsWritten: 0 });
  expect(await run('topo-iac', 1)).toMatchObject({ rowsWritten: 0 });
  put('infra/a.tfstate', state(false));
  await run('topo-iac', 2);
  put('infra/a.tfstate', state(true));
  await run('topo-iac', 3);
  expect(await edges()).toEqual(['lb DEPENDS_ON net 0-2', 'lb DEPENDS_ON net 3-']);
});

it('a file that is deleted closes its edges; those of other files stay', async () => {
  put('infra/a.tfstate', state(true));
  put('infra/k8s/shop.yaml', service('cart'));
  await run('topo-iac', 0);
  rmSync(join(dir, 'infra/a.tfstate'));
  await run('topo-iac', 1);
  expect(await edges()).toEqual(['cart ROUTES_TO cart-1 0-', 'lb DEPENDS_ON net 0-1']);
});

it('a file that is broken keeps its edges, and is named with its place until it is mended', async () => {
  put('infra/a.tfstate', state(true));
  put('infra/k8s/shop.yaml', service('cart'));
  await run('topo-iac', 0);
  put('infra/a.tfstate', '{"version": 4,\n  "lineage"');
  put('infra/k8s/shop.yaml', 'apiVersion: v1\nkind: Service\nmetadata: 7\n');
  expect(await run('topo-iac', 1)).toMatchObject({ leftOut: { unreadable_files: 2 } });
  expect(await edges()).toEqual(['cart ROUTES_TO cart-1 0-', 'lb DEPENDS_ON net 0-']);
  expect(await problems()).toEqual(
    expect.arrayContaining([
      'infra/a.tfstate: line 2, column 12: the file ends in the middle of its JSON.',
      'infra/k8s/shop.yaml: line 3, metadata: Invalid input: expected object, received number',
    ]),
  );
  put('infra/a.tfstate', state(true));
  put('infra/k8s/shop.yaml', service('cart'));
  await run('topo-iac', 2);
  expect(await problems()).toEqual([]);
  expect(await edges()).toEqual(['cart ROUTES_TO cart-1 0-', 'lb DEPENDS_ON net 0-']);
});

it('a directory that is not there is no error, and does not take away what it said', async () => {
  expect(await run('topo-iac', 0)).toMatchObject({ rowsRead: 0, rowsWritten: 0 });
  put('infra/a.tfstate', state(true));
  await run('topo-iac', 1);
  rmSync(join(dir, 'infra'), { recursive: true });
  await run('topo-iac', 2);
  expect(await edges()).toEqual(['lb DEPENDS_ON net 1-']);
  expect(await problems()).toEqual(['infra: : is not there; what it said before still holds.']);
});

it('a window of the past is not told again from what files say now', async () => {
  put('infra/a.tfstate', state(true));
  expect(await run('topo-iac', 0, 2)).toMatchObject({ rowsWritten: 0 });
  expect(await edges()).toEqual([]);
});

it('snapshots of a cloud carry their own time, whatever order they are found in', async () => {
  const snapshot = (minute: number, needs: string[]) => ({
    provider: 'aws',
    account: '1',
    taken_at: new Date(noon + minute * 60_000).toISOString(),
    resources: [
      { type: 'vpc', id: 'v', name: 'net' },
      { type: 'lb', id: 'l', name: 'lb', depends_on: needs },
    ],
  });
  put('infra/b.json', snapshot(0, ['v']));
  put('infra/a.json', snapshot(30, []));
  await run('topo-iac', 10);
  expect(await edges()).toEqual(['lb DEPENDS_ON net 0-2']);
  put('infra/late.json', snapshot(15, []));
  put('infra/new.json', snapshot(60, ['v']));
  await run('topo-iac', 11);
  expect(await run('topo-iac', 12)).toMatchObject({ rowsWritten: 0 });
  expect(await edges()).toEqual(['lb DEPENDS_ON net 0-1', 'lb DEPENDS_ON net 4-']);
});

it('an inventory becomes groups, hosts and what they need; a broken one keeps what it said', async () => {
  put('plays/prod/hosts', '[web]\nweb[1:2] upstream_host=db1\n[db]\ndb1 ansible_host=10.0.0.9\n');
  put('plays/prod/group_vars/web.yml', 'database_url: postgres://shop:hunter2@10.0.0.9/orders\n');
  put('plays/site.yml', '- hosts: web\n  roles: [nginx]\n');
  put('plays/roles/nginx/meta/main.yml', 'dependencies: [{ role: common }]\n');
  put('plays/roles/nginx/tasks/main.yml', ': : broken');
  await run('topo-ansible', 0);
  const first = await edges();
  expect(first).toEqual(
    [
      'nginx DEPENDS_ON common 0-',
      'orders RUNS_ON db1 0-',
      'web USES nginx 0-',
      ...['web1', 'web2'].flatMap((host) => [`${host} DEPENDS_ON db1 0-`, `${host} DEPENDS_ON orders 0-`]),
    ].sort(),
  );
  put('plays/prod/hosts', '[web]\nweb[1:2\nother\n[db:nonsense]\n');
  await run('topo-ansible', 4);
  expect(await edges()).toEqual(first);
  expect(await problems()).toEqual([
    'plays/prod/hosts: line 4: section [db:nonsense] is of an unknown kind; there are hosts, children and vars.',
  ]);
});

it('no secret of a file comes into the ledger', async () => {
  put('infra/a.tfstate', {
    version: 4,
    lineage: 'l',
    outputs: { password: { value: 'hunter2', type: 'string', sensitive: true } },
    resources: [
      {
        mode: 'managed',
        type: 'aws_db_instance',
        name: 'd',
        instances: [{ attributes: { id: 'd', password: 'hunter2', tags: { secret: 'hunter2' } } }],
      },
    ],
  });
  put(
    'plays/hosts',
    'h1 api_url=https://u:hunter2@api.example.test/x ansible_password=hunter2 db_password=hunter2\n',
  );
  await run('topo-iac', 0);
  await run('topo-ansible', 0);
  for (const table of ['dim_resource', 'topo_edge_time', 'topo_snapshot', 'topo_source'])
    expect(JSON.stringify(await ledger.query(`SELECT * FROM ${table}`))).not.toContain('hunter2');
  expect(await edges()).toEqual(['h1 DEPENDS_ON api.example.test 0-']);
});

it('a link that leads out of the directory is not followed', async () => {
  put('elsewhere/a.tfstate', state(true));
  mkdirSync(join(dir, 'infra'));
  symlinkSync(join(dir, 'elsewhere/a.tfstate'), join(dir, 'infra/a.tfstate'));
  symlinkSync(join(dir, 'elsewhere'), join(dir, 'infra/more'));
  await run('topo-iac', 0);
  expect(await edges()).toEqual([]);
});
