/** A real exporter and a real collector beside Clew: softflowd reads a capture and exports to nfcapd and to Clew. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../demo/run/ports.ts';
import { systemClock } from '../../src/lib/index.ts';
import { type FlowSystem, openFlowSystem, type Row } from '../support/flows.ts';
import { frame, pcap, type Spec } from '../support/packets.ts';

const path = `${process.env.PATH}:/usr/sbin:/sbin`;
const present = ['softflowd', 'nfcapd', 'nfdump'].every(
  (program) => spawnSync('which', [program], { env: { PATH: path } }).status === 0,
);
const dir = mkdtempSync(join(tmpdir(), 'clew-softflowd-'));

/** A minute ago, so that no clock rule is touched. */
const startUs = (Math.floor(Date.now() / 1000) - 60) * 1_000_000;

/** Conversations whose counts, flags and times are all different. */
function traffic(): Spec[] {
  const specs: Spec[] = [];
  let atUs = startUs;
  const talk = (a: string, b: string, protocol: 'tcp' | 'udp', ports: [number, number], packets: number) => {
    for (let i = 0; i < packets; i++) {
      const last = i === packets - 1;
      atUs += 11_000;
      specs.push({
        ...{ atUs, src: a, dst: b, protocol, srcPort: ports[0], dstPort: ports[1] },
        ...{ flags: i === 0 ? 0x02 : last ? 0x11 : 0x18, payload: 90 + i },
      });
      atUs += 7_000;
      specs.push({
        ...{ atUs, src: b, dst: a, protocol, srcPort: ports[1], dstPort: ports[0] },
        ...{ flags: i === 0 ? 0x12 : 0x10, payload: 400 + 3 * i },
      });
    }
  };
  for (let i = 0; i < 20; i++) {
    talk(`10.0.${i}.1`, '192.0.2.7', 'tcp', [40_000 + i, 443], 2 + (i % 5));
    talk('2001:db8::1', `2001:db8:0:${(i + 1).toString(16)}::2`, 'tcp', [50_000 + i, 8443], 2 + (i % 4));
    talk(`10.0.${i}.2`, '10.0.0.53', 'udp', [30_000 + i, 53], 1 + (i % 3));
  }
  talk('2001:db8::1', '2001:db8::53', 'udp', [31_000, 53], 2);
  specs.push({ atUs: atUs + 5_000, src: '10.0.0.1', dst: '10.0.0.9', protocol: 'icmp', payload: 56 });
  specs.push({
    atUs: atUs + 10_000,
    src: '2001:db8::1',
    dst: '2001:db8::9',
    protocol: 'icmp',
    payload: 56,
  });
  return specs;
}

const ended = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) =>
    child.exitCode === null && child.signalCode === null ? child.once('exit', () => resolve()) : resolve(),
  );

/** nfcapd, once it listens: it makes its first file then. */
async function capture(folder: string, port: number): Promise<ChildProcess> {
  mkdirSync(folder);
  const child = spawn('nfcapd', ['-b', '127.0.0.1', '-p', `${port}`, '-w', folder, '-t', '3600'], {
    env: { PATH: path },
    stdio: 'ignore',
  });
  for (let i = 0; i < 100 && readdirSync(folder).length === 0; i++) await systemClock.sleep(50);
  expect(readdirSync(folder)).toHaveLength(1);
  return child;
}

async function softflowd(port: number, options: readonly string[]): Promise<void> {
  const control = ['-d', '-p', join(dir, 'softflowd.pid'), '-c', 'none'];
  const child = spawn(
    'softflowd',
    ['-r', join(dir, 'traffic.pcap'), '-n', `127.0.0.1:${port}`, '-6', ...options, ...control],
    { env: { PATH: path }, stdio: 'ignore' },
  );
  await ended(child);
  expect(child.exitCode).toBe(0);
}

interface Comparable {
  src: string;
  dst: string;
  ports: string;
  protocol: number;
  bytes: number;
  packets: number;
  flags: string;
  first: string;
  last: string;
}

const letters = ['C', 'E', 'U', 'A', 'P', 'R', 'S', 'F'];
const flagsText = (flags: number): string =>
  letters.map((letter, i) => (flags & (0x80 >> i) ? letter : '.')).join('');

const ofNfdump = (row: Row): Comparable => ({
  src: String(row.src4_addr ?? row.src6_addr),
  dst: String(row.dst4_addr ?? row.dst6_addr),
  ports:
    row.icmp_type === undefined ? `${row.src_port}>${row.dst_port}` : `${row.icmp_type}.${row.icmp_code}`,
  protocol: Number(row.proto),
  bytes: Number(row.in_bytes),
  packets: Number(row.in_packets),
  flags: String(row.tcp_flags ?? '........'),
  first: String(row.first).replace('T', ' '),
  last: String(row.last).replace('T', ' '),
});

const ofClew = (row: Row): Comparable => {
  const { icmpType, icmpCode } = row.Attributes as Record<string, string>;
  return {
    src: String(row.SrcAddr),
    dst: String(row.DstAddr),
    ports: icmpType === undefined ? `${row.SrcPort}>${row.DstPort}` : `${icmpType}.${icmpCode}`,
    protocol: Number(row.Protocol),
    bytes: Number(row.Bytes),
    packets: Number(row.Packets),
    flags: flagsText(Number(row.TcpFlags)),
    first: String(row.StartTime).slice(0, 23),
    last: String(row.EndTime).slice(0, 23),
  };
};

const sorted = (rows: Comparable[]): Comparable[] =>
  rows.toSorted((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));

let system: FlowSystem;
beforeAll(async () => {
  if (!present) return;
  writeFileSync(join(dir, 'traffic.pcap'), pcap(traffic().map(frame)));
  system = await openFlowSystem();
});
afterAll(async () => {
  if (present) await system.close();
  rmSync(dir, { recursive: true, force: true });
});

/**
 * Both get the same datagrams: of two runs of softflowd the times differ by a millisecond, because it tells them from the
 * time at which it runs.
 */
async function exportToBoth(name: string, options: readonly string[]): Promise<{ nfdump: Row[] }> {
  const port = await freePort();
  const folder = join(dir, name);
  const nfcapd = await capture(folder, port);
  const { ports } = system.listener;
  const relay = createSocket('udp4');
  relay.on('message', (datagram) => {
    for (const to of [port, name.startsWith('ipfix') ? ports.ipfix : ports.netflow])
      relay.send(datagram, to, '127.0.0.1');
  });
  await new Promise<void>((resolve) => relay.bind(0, '127.0.0.1', resolve));
  await softflowd(relay.address().port, options);
  await systemClock.sleep(300);
  await new Promise<void>((resolve) => relay.close(() => resolve()));
  nfcapd.kill('SIGTERM');
  await ended(nfcapd);
  expect(readdirSync(folder).length).toBeGreaterThan(0);
  const text = execFileSync('nfdump', ['-R', folder, '-o', 'json'], {
    env: { PATH: path, TZ: 'UTC' },
    encoding: 'utf8',
  });
  return { nfdump: JSON.parse(text) as Row[] };
}

describe.skipIf(!present)('softflowd (skipped where Debian packages softflowd and nfdump are absent)', () => {
  test.each([
    ['netflow5', 'times by uptime', ['-v', '5'], (row: Row) => !String(row.SrcAddr).includes(':')],
    ['netflow9', 'times by uptime', ['-v', '9', '-a'], () => true],
    ['netflow9', 'times in milliseconds', ['-v', '9', '-a', '-A', 'milli'], () => true],
    ['ipfix', 'times in milliseconds', ['-v', '10', '-a', '-A', 'milli'], () => true],
  ] as const)('%s, %s: the flows are those that nfdump reads', async (name, times, options, fits) => {
    const before = (await system.rows()).length;
    const { nfdump } = await exportToBoth(`${name} ${times}`, options);
    const rows = (await system.rows()).slice(before);
    expect(new Set(rows.map((row) => row.FlowType))).toEqual(new Set([name]));
    expect(rows.length).toBeGreaterThan(name === 'netflow5' ? 80 : 120);
    expect(rows.every(fits)).toBe(true);
    // nfdump does not read the type of ICMPv6 from NetFlow 9; what was sent is known here.
    const typed = (flow: Comparable): Comparable => (flow.protocol === 58 ? { ...flow, ports: '' } : flow);
    expect(sorted(rows.map(ofClew).map(typed))).toEqual(sorted(nfdump.map(ofNfdump).map(typed)));
    const echo = rows.filter((row) => row.Protocol === 58).map((row) => ofClew(row).ports);
    expect(echo).toEqual(name === 'netflow5' ? [] : ['128.0']);
    expect(new Set(rows.map((row) => row.Exporter))).toEqual(new Set(['127.0.0.1']));
    expect(system.listener.health()).toMatchObject({ undelivered: 0, lost: 0, refused: 0 });
    expect(await system.letters()).toEqual([]);
  });

  test.each(['5', '9', '10'])('version %s of an exporter that samples is scaled up', async (version) => {
    const before = (await system.rows()).length;
    await softflowd(system.listener.ports.netflow, ['-v', version, '-a', '-A', 'milli', '-s', '4']);
    await systemClock.sleep(100);
    const rows = (await system.rows()).slice(before);
    expect(rows.length).toBeGreaterThan(20);
    expect(new Set(rows.map((row) => row.SamplingRate))).toEqual(new Set([4]));
    expect(rows.every((row) => Number(row.Packets) % 4 === 0 && Number(row.Bytes) % 4 === 0)).toBe(true);
  });

  test('IPFIX over TCP brings the same flows as over UDP', async () => {
    const options = ['-v', '10', '-a', '-A', 'milli'];
    const count = async () => (await system.rows("FlowType = 'ipfix'")).length;
    const first = await count();
    await softflowd(system.listener.ports.ipfix, options);
    await systemClock.sleep(100);
    const second = await count();
    await softflowd(system.listener.ports.ipfixTcp, [...options, '-P', 'tcp']);
    await systemClock.sleep(100);
    const rows = (await system.rows("FlowType = 'ipfix'")).map(ofClew);
    expect(sorted(rows.slice(second))).toEqual(sorted(rows.slice(first, second)));
    expect(rows.length - second).toBeGreaterThan(120);
  });
});
