/** syslog-ng of Debian with the examples of deploy/syslog-ng: every line arrives, whatever happens to Clew meanwhile. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../demo/run/ports.ts';
import { type RunningClew, startClew } from '../support/clew.ts';

const examples = join(import.meta.dirname, '..', '..', 'deploy', 'syslog-ng');
/** Installed, or unpacked below /opt, since its package and that of rsyslog exclude each other. */
const unpacked = '/opt/syslog-ng';
const runs = (program: string, env?: NodeJS.ProcessEnv): boolean =>
  spawnSync(program, ['--version'], { stdio: 'ignore', env }).status === 0;
const machine = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
const libraries = ['usr/lib/syslog-ng', `usr/lib/${machine}-linux-gnu`, `lib/${machine}-linux-gnu`].map(
  (folder) => join(unpacked, folder),
);
const besides = { ...process.env, LD_LIBRARY_PATH: libraries.join(':') };
const places = [
  { program: 'syslog-ng', env: process.env, options: [] as string[] },
  {
    program: join(unpacked, 'usr/sbin/syslog-ng'),
    env: besides,
    options: ['--module-path', join(unpacked, 'usr/lib/syslog-ng/3.38')],
  },
];
const place = places.find(({ program, env }) => runs(program, env));

const token = 'a-token-of-syslog-ng';
const dir = mkdtempSync(join(tmpdir(), 'clew-syslog-ng-'));
const ports = { http: 0, tcp: 0 };
const daemons: ChildProcess[] = [];
let clew: RunningClew;

const start = () =>
  startClew(dir, {
    CLEW_AUTH_TOKEN: token,
    CLEW_HTTP_PORT: String(ports.http),
    CLEW_SYSLOG_TCP_ENABLED: 'true',
    CLEW_SYSLOG_TCP_PORT: String(ports.tcp),
  });
beforeAll(async () => {
  ports.http = await freePort();
  ports.tcp = await freePort();
  clew = await start();
});
afterEach(async () => {
  for (const daemon of daemons.splice(0)) {
    const ended = new Promise((resolve) => daemon.once('exit', resolve));
    if (daemon.exitCode === null && daemon.kill('SIGTERM')) await ended;
  }
});
afterAll(async () => {
  await clew.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** An example with its addresses changed, fed by a file of its own. */
function configure(file: string, app: string, change = (text: string) => text) {
  const folder = join(dir, app);
  mkdirSync(folder);
  const input = join(folder, 'in.log');
  writeFileSync(input, '');
  const example = change(readFileSync(join(examples, file), 'utf8'))
    .replace('http://clew:8080', `http://127.0.0.1:${ports.http}`)
    .replace('"clew" port(1514)', `"127.0.0.1" port(${ports.tcp})`)
    .replace('reliable(yes)', `reliable(yes) dir("${folder}")`);
  const config = join(folder, 'syslog-ng.conf');
  writeFileSync(
    config,
    `@version: 3.38
@define TOKEN_FOR_CLEW "${token}"
source s_src {
  file("${input}" flags(no-parse) follow-freq(0.1) program-override("${app}") default-priority(err) default-facility(local3));
};
${example}`,
  );
  const own = [
    '-f',
    config,
    '-R',
    join(folder, 'state'),
    '-p',
    join(folder, 'pid'),
    '-c',
    join(folder, 'ctl'),
  ];
  const args = ['--foreground', '--no-caps', ...own, ...(place?.options ?? [])];
  return {
    check: () => spawnSync(place?.program ?? '', ['-s', ...args], { env: place?.env, encoding: 'utf8' }),
    run() {
      daemons.push(spawn(place?.program ?? '', args, { env: place?.env, stdio: 'ignore' }));
    },
    async write(lines: number) {
      for (let from = 0; from < lines; from += 500) {
        let text = '';
        for (let i = from; i < from + 500; i++) text += `line ${i} of „${app}" \\ user=${i % 97}\n`;
        appendFileSync(input, text);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
  };
}

async function counted(app: string): Promise<[number, number]> {
  const [row] = await clew.sql(`SELECT count(), uniqExact(Body) FROM otel_logs WHERE ServiceName = '${app}'`);
  return [Number(row?.[0]), Number(row?.[1])];
}
const some = (app: string) =>
  expect.poll(async () => (await counted(app))[0], { timeout: 20_000, interval: 50 }).toBeGreaterThan(0);

describe.skipIf(place === undefined)('syslog-ng (Debian: syslog-ng-core, syslog-ng-mod-http)', () => {
  test.each(['clew.conf', 'clew-syslog.conf'])('finds nothing wrong with %s, and would say so', (file) => {
    const good = configure(file, `check-${file}`).check();
    expect([good.status, good.stderr]).toEqual([0, '']);
    const bad = configure(file, `bad-${file}`, (text) => text.replace('time-reopen', 'time-reopens')).check();
    expect(bad.status).not.toBe(0);
  });

  test('clew.conf: a killed Clew loses no line; only a batch that was on the way may be there twice', async () => {
    const syslogNg = configure('clew.conf', 'ng-http');
    syslogNg.run();
    const writing = syslogNg.write(20_000);
    await some('ng-http');
    await clew.kill();
    clew = await start();
    await writing;
    await expect
      .poll(async () => (await counted('ng-http'))[1], { timeout: 40_000, interval: 250 })
      .toBe(20_000);
    expect((await counted('ng-http'))[0]).toBeLessThanOrEqual(22_000);
    const rows = await clew.sql(
      "SELECT Body, SeverityText, SeverityNumber, ResourceAttributes['host.name'] != '', LogAttributes['syslog.facility'], abs(toUnixTimestamp(Timestamp) - toUnixTimestamp(now())) < 120 FROM otel_logs WHERE Body LIKE 'line 7 %' AND ServiceName = 'ng-http' LIMIT 1",
    );
    expect(rows[0]?.map(String)).toEqual(['line 7 of „ng-http" \\ user=7', 'err', '17', '1', 'local3', '1']);
  });

  test('clew-syslog.conf: every line once, across a restart of Clew', async () => {
    const syslogNg = configure('clew-syslog.conf', 'ng-tcp');
    syslogNg.run();
    const writing = syslogNg.write(20_000);
    await some('ng-tcp');
    await clew.stop();
    clew = await start();
    await writing;
    await expect.poll(() => counted('ng-tcp'), { timeout: 40_000, interval: 250 }).toEqual([20_000, 20_000]);
    const [row] = await clew.sql(
      "SELECT SeverityNumber, LogAttributes['syslog.version'], LogAttributes['syslog.facility'], countIf(toUnixTimestamp64Nano(Timestamp) % 1000000000 != 0) > 0 FROM otel_logs WHERE ServiceName = 'ng-tcp' GROUP BY 1, 2, 3",
    );
    expect(row?.map(String)).toEqual(['17', '1', 'local3', '1']);
  });
});
