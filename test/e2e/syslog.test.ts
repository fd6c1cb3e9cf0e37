/** Programs that send syslog and the journal, as Debian has them: every line arrives, and once. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../demo/run/ports.ts';
import { type RunningClew, startClew } from '../support/clew.ts';

const has = (program: string): boolean =>
  spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined;
const hasRsyslog = has('rsyslogd');
const hasLogger = has('logger');
const hasTls = [
  '/usr/lib/x86_64-linux-gnu/rsyslog',
  '/usr/lib/aarch64-linux-gnu/rsyslog',
  '/usr/lib64/rsyslog',
].some((folder) => existsSync(join(folder, 'lmnsd_gtls.so')));

const dir = mkdtempSync(join(tmpdir(), 'clew-rsyslog-'));
let clew: RunningClew;
let env: Record<string, string> = {};
let ports = { plain: 0, tls: 0 };
const daemons: ChildProcess[] = [];

beforeAll(async () => {
  ports = { plain: await freePort(), tls: await freePort() };
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=clew']
      .concat(['-addext', 'subjectAltName=DNS:clew', '-addext', 'basicConstraints=critical,CA:TRUE'])
      .concat(['-keyout', join(dir, 'key.pem'), '-out', join(dir, 'cert.pem')]),
    { stdio: 'ignore' },
  );
  env = {
    CLEW_SYSLOG_TCP_ENABLED: 'true',
    CLEW_SYSLOG_TCP_PORT: String(ports.plain),
    CLEW_SYSLOG_UDP_ENABLED: 'true',
    CLEW_SYSLOG_UDP_PORT: String(ports.plain),
    CLEW_SYSLOG_TLS_ENABLED: 'true',
    CLEW_SYSLOG_TLS_PORT: String(ports.tls),
    CLEW_SYSLOG_TLS_CERT_FILE: join(dir, 'cert.pem'),
    CLEW_SYSLOG_TLS_KEY_FILE: join(dir, 'key.pem'),
  };
  clew = await startClew(dir, env);
});
afterEach(async () => {
  for (const daemon of daemons.splice(0)) await end(daemon);
});
afterAll(async () => {
  await clew.stop();
  rmSync(dir, { recursive: true, force: true });
});

const end = (child: ChildProcess) =>
  new Promise<void>((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });

/** An rsyslogd that follows a file of its own and forwards each line. */
function startRsyslog(app: string, action: string): { write(from: number, to: number): void } {
  const folder = join(dir, app);
  mkdirSync(folder);
  const input = join(folder, 'in.log');
  writeFileSync(input, '');
  const config = join(folder, 'rsyslog.conf');
  writeFileSync(
    config,
    `global(workDirectory="${folder}")
module(load="imfile")
input(type="imfile" file="${input}" tag="${app}:" ruleset="forward")
ruleset(name="forward") {
  action(type="omfwd" target="127.0.0.1" action.resumeRetryCount="-1" action.resumeInterval="1" ${action})
}
`,
  );
  const daemon = spawn('rsyslogd', ['-n', '-f', config, '-i', join(folder, 'pid')], { stdio: 'ignore' });
  daemons.push(daemon);
  return {
    write(from, to) {
      let text = '';
      for (let i = from; i < to; i++) text += `line ${i} of ${app} user=${i % 97} took ${i % 1000} ms\n`;
      appendFileSync(input, text);
    },
  };
}

async function counted(app: string): Promise<[number, number]> {
  const [row] = await clew.sql(`SELECT count(), uniqExact(Body) FROM otel_logs WHERE ServiceName = '${app}'`);
  return [Number(row?.[0]), Number(row?.[1])];
}
const arrives = (app: string, lines: number) =>
  expect.poll(() => counted(app), { timeout: 40_000, interval: 250 }).toEqual([lines, lines]);

const queue = 'queue.type="LinkedList" queue.size="100000" queue.filename="clew" queue.saveOnShutdown="on"';

describe.skipIf(!hasRsyslog)('rsyslog forwards every line once', () => {
  test('50 000 over TCP with octet counts in the form of RFC 5424', async () => {
    const action = `port="${ports.plain}" protocol="tcp" TCP_Framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format"`;
    startRsyslog('rs-counted', action).write(0, 50_000);
    await arrives('rs-counted', 50_000);
    const [row] = await clew.sql(
      "SELECT SeverityNumber, LogAttributes['syslog.version'], ResourceAttributes['host.name'] != '', abs(toUnixTimestamp(Timestamp) - toUnixTimestamp(now())) < 120 FROM otel_logs WHERE ServiceName = 'rs-counted' LIMIT 1",
    );
    expect(row?.map(String)).toEqual(['10', '1', '1', '1']);
  });

  test('over TCP with newlines in its own traditional form, whose times are local and without a year', async () => {
    startRsyslog(
      'rs-lines',
      `port="${ports.plain}" protocol="tcp" template="RSYSLOG_TraditionalForwardFormat"`,
    ).write(0, 2000);
    await arrives('rs-lines', 2000);
    const [row] = await clew.sql(
      "SELECT max(abs(toUnixTimestamp(Timestamp) - toUnixTimestamp(now()))) < 120 FROM otel_logs WHERE ServiceName = 'rs-lines'",
    );
    expect(row?.map(String)).toEqual(['1']);
  });

  test('over UDP, as long as the kernel has room', async () => {
    startRsyslog('rs-udp', `port="${ports.plain}" protocol="udp" template="RSYSLOG_ForwardFormat"`).write(
      0,
      200,
    );
    await arrives('rs-udp', 200);
  });

  test.skipIf(!hasTls)('over TLS (rsyslog-gnutls)', async () => {
    const action = `port="${ports.tls}" protocol="tcp" TCP_Framing="octet-counted" StreamDriver="gtls" StreamDriverMode="1" StreamDriverAuthMode="x509/name" StreamDriverPermittedPeers="clew" StreamDriver.CAFile="${join(dir, 'cert.pem')}"`;
    startRsyslog('rs-tls', action).write(0, 5000);
    await arrives('rs-tls', 5000);
  });

  test('50 000 over TCP across a restart of Clew: its queue keeps what can not be sent', async () => {
    const action = `port="${ports.plain}" protocol="tcp" TCP_Framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format" ${queue}`;
    const rsyslog = startRsyslog('rs-restart', action);
    // Lines come all the time, before, while and after Clew is away.
    const writing = (async () => {
      for (let from = 0; from < 50_000; from += 500) {
        rsyslog.write(from, from + 500);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    })();
    await expect
      .poll(async () => (await counted('rs-restart'))[0], { timeout: 20_000, interval: 20 })
      .toBeGreaterThan(0);
    await clew.stop();
    clew = await startClew(dir, env);
    await writing;
    await arrives('rs-restart', 50_000);
  });
});

test.skipIf(!hasLogger)('logger of util-linux: RFC 5424 and 3164, over TCP and UDP', async () => {
  const send = (...args: string[]) =>
    execFileSync('logger', ['-n', '127.0.0.1', '-P', String(ports.plain), '-t', 'lg-app', ...args]);
  send('-T', '--rfc5424', '-p', 'local3.err', '--sd-id', 'x@1', '--sd-param', 'k="v"', 'first');
  send('-T', '--octet-count', '--rfc5424', 'second');
  send('-T', '--rfc3164', '-p', 'daemon.warning', 'third');
  send('-d', '--rfc3164', 'fourth');
  await arrives('lg-app', 4);
  const rows = await clew.sql(
    "SELECT Body, SeverityNumber, LogAttributes['syslog.facility'], LogAttributes['syslog.x@1.k'] FROM otel_logs WHERE ServiceName = 'lg-app' ORDER BY Body",
  );
  expect(rows).toEqual([
    ['first', 17, 'local3', 'v'],
    ['fourth', 10, 'user', ''],
    ['second', 10, 'user', ''],
    ['third', 13, 'daemon', ''],
  ]);
});
