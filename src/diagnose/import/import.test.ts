import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { BundleWriter, foreignKind, importFile, importPrometheus, windowOf } from './index.ts';
import type { ImportedLog, ImportedSpan, RowSink } from './rows.ts';

class Rows implements RowSink {
  metrics: [number, string, string, number][] = [];
  spans: ImportedSpan[] = [];
  logs: ImportedLog[] = [];
  metric(...row: [number, string, string, number]): void {
    this.metrics.push(row);
  }
  span(span: ImportedSpan): void {
    this.spans.push(span);
  }
  log(log: ImportedLog): void {
    this.logs.push(log);
  }
  value(metric: string, service?: string): number | undefined {
    return this.metrics.find(
      (row) => row[2] === metric && (service === undefined || row[1] === service),
    )?.[3];
  }
}

function read(text: string, name = 'file'): Rows {
  const rows = new Rows();
  importFile({ name, text }, rows);
  return rows;
}

const sadf = (statistics: unknown) =>
  JSON.stringify({ sysstat: { hosts: [{ nodename: 'web-1', statistics }] } });
const timestamp = { date: '2026-11-20', time: '16:12:51', utc: 1, interval: 1 };

describe('sadf', () => {
  it('gives shares of cores, memory, disks and files, and rates of the network', () => {
    const rows = read(
      sadf([
        {
          timestamp,
          'cpu-load': [
            { cpu: 'all', usr: 93, iowait: 2, steal: 1, idle: 4 },
            { cpu: '0', idle: 50 },
          ],
          memory: { memfree: 100, avail: 600, memused: 300, 'memused-percent': 30, 'swpused-percent': 5 },
          queue: { 'ldavg-1': 7.46, 'plist-sz': 163, blocked: 2 },
          disk: [{ 'disk-device': 'vda', wkB: 2, await: 9.5, 'util-percent': 87 }],
          filesystems: [{ filesystem: '/dev/vda', '%fsused': 91, '%Iused': 4 }],
          network: {
            'net-tcp': { active: 3, oseg: 200 },
            'net-etcp': { retrans: 10, atmptf: 1, orsts: 2 },
            'net-edev': [{ iface: 'eth0', rxerr: 1, txerr: 0, rxdrop: 4, txdrop: 0 }],
          },
        },
      ]),
    );
    expect(
      rows.metrics.every(([at, host]) => at === Date.UTC(2026, 10, 20, 16, 12, 51) && host === 'web-1'),
    ).toBe(true);
    expect(rows.value('system.cpu.utilization')).toBeCloseTo(0.96);
    expect(rows.value('system.memory.utilization')).toBeCloseTo(0.4);
    expect(rows.value('system.disk.io_util{device="vda"}')).toBeCloseTo(0.87);
    expect(rows.value('system.filesystem.utilization{device="/dev/vda"}')).toBeCloseTo(0.91);
    expect(rows.value('tcp_retransmits_per_second')).toBe(10);
    expect(rows.value('system.network.rx_drops_per_second{device="eth0"}')).toBe(4);
  });
});

const atop = `RESET
CPU vm 1795191175 2026/11/20 16:12:55 23659 100 2 472281 2436731 74710 1664126 23506 0 22343 3239 0 4598 100 0 0
SEP
CPU vm 1795191176 2026/11/20 16:12:56 2 100 2 51 149 0 150 50 0 0 0 0 4598 100 0 0
MEM vm 1795191176 2026/11/20 16:12:56 2 4096 1000 300 100 50 266 22 50 0 24521 5 0
DSK vm 1795191176 2026/11/20 16:12:56 2 vda 1000 6 176 14 912 4 32 0 1.12
NET vm 1795191176 2026/11/20 16:12:56 2 upper 74 80 0 0 74 74 74 0 0 0 6 2 4 8 0 2
PRC vm 1795191176 2026/11/20 16:12:56 2 12 (my prog) S 100 150 50 0 0 0 0 0 -1 0 12 y 0 () 0 -3 -3
PRC vm 1795191176 2026/11/20 16:12:56 2 13 (my prog) S 100 50 0 0 0 0 0 0 -1 0 13 y 0 () 0 -3 -3
PRM vm 1795191176 2026/11/20 16:12:56 2 12 (my prog) S 4096 9000 2000 0 0 0 0 1 0 0 0 0 12 y 0 0 -3 -3 -3 -3
SEP
`;

describe('atop', () => {
  it('leaves out what counts since the boot, and gives the host and its programs', () => {
    const rows = read(atop);
    expect(new Set(rows.metrics.map(([at]) => at))).toEqual(new Set([1_795_191_176_000]));
    expect(rows.value('system.cpu.utilization', 'vm')).toBeCloseTo(0.5);
    expect(rows.value('system.cpu.iowait', 'vm')).toBeCloseTo(0.125);
    expect(rows.value('system.memory.utilization', 'vm')).toBeCloseTo(0.5);
    expect(rows.value('system.disk.io_util{device="vda"}')).toBeCloseTo(0.5);
    expect(rows.value('system.disk.io_await{device="vda"}')).toBeCloseTo(50);
    expect(rows.value('tcp_retransmits_per_second')).toBe(4);
    expect(rows.value('process.cpu.utilization', 'vm/my prog')).toBeCloseTo(1.25);
    expect(rows.value('process.memory.usage', 'vm/my prog')).toBe(2_048_000);
  });
});

const has = (program: string): boolean => spawnSync(program, ['-V'], { stdio: 'ignore' }).error === undefined;

describe('the real programs', () => {
  const dirs: string[] = [];
  afterEach(() => {
    for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true });
  });
  const temporary = (): string => {
    const dir = mkdtempSync(join(tmpdir(), 'history-'));
    dirs.push(dir);
    return dir;
  };
  const shares = (rows: Rows): number[] =>
    rows.metrics.filter(([, , name]) => name === 'system.cpu.utilization').map((row) => row[3]);

  it.skipIf(!has('sadf') || !has('sar'))(
    'sar of this machine is read, every second once (needs sysstat)',
    () => {
      const file = join(temporary(), 'sa');
      execFileSync('sar', ['-A', '-o', file, '1', '3'], { stdio: 'ignore' });
      const text = execFileSync('sadf', ['-j', file, '--', '-A'], { encoding: 'utf8', maxBuffer: 1 << 26 });
      const found = shares(read(text));
      expect(found).toHaveLength(3);
      for (const share of found) expect(share).toSatisfy((value: number) => value >= 0 && value <= 1);
    },
  );

  it.skipIf(!has('atop'))(
    'atop of this machine is read, every second but the first once (needs atop)',
    () => {
      const file = join(temporary(), 'raw');
      execFileSync('atop', ['-w', file, '1', '3'], { stdio: 'ignore' });
      const text = execFileSync('atop', ['-r', file, '-P', 'ALL'], { encoding: 'utf8', maxBuffer: 1 << 26 });
      const rows = read(text);
      expect(shares(rows)).toHaveLength(2);
      for (const share of shares(rows)) expect(share).toSatisfy((value: number) => value >= 0 && value <= 1);
      expect(
        rows.metrics.some(([, service, name]) => service.includes('/') && name.startsWith('process.')),
      ).toBe(true);
    },
  );
});

describe('traces', () => {
  it('reads what the API of Jaeger answers', () => {
    const rows = read(
      JSON.stringify({
        data: [
          {
            traceID: 'aa',
            spans: [
              {
                traceID: 'aa',
                spanID: '2',
                operationName: 'GET /cart',
                references: [{ refType: 'CHILD_OF', traceID: 'aa', spanID: '1' }],
                startTime: 1_795_191_176_000_500,
                duration: 2_500,
                tags: [{ key: 'error', type: 'bool', value: true }],
                processID: 'p1',
              },
            ],
            processes: { p1: { serviceName: 'cart' } },
          },
        ],
      }),
    );
    expect(rows.spans).toEqual([
      {
        trace_id: 'aa',
        span_id: '2',
        parent_id: '1',
        service: 'cart',
        name: 'GET /cart',
        start: 1_795_191_176_000.5,
        duration_ms: 2.5,
        status: 'ERROR',
        attributes: { error: 'true' },
      },
    ]);
  });

  it('reads OTLP as JSON, one request or one a line', () => {
    const request = (n: number) =>
      JSON.stringify({
        resourceSpans: [
          {
            resource: { attributes: [{ key: 'service.name', value: { stringValue: 'pay' } }] },
            scopeSpans: [
              {
                spans: [
                  {
                    traceId: 'aa',
                    spanId: String(n),
                    name: 'charge',
                    startTimeUnixNano: '1795191176000000000',
                    endTimeUnixNano: '1795191176250000000',
                    status: { code: 2, message: 'declined' },
                  },
                ],
              },
            ],
          },
        ],
      });
    expect(read(request(1)).spans).toMatchObject([
      { service: 'pay', duration_ms: 250, status: 'ERROR', attributes: { 'status.message': 'declined' } },
    ]);
    expect(read(`${request(1)}\n${request(2)}\n`).spans.map((span) => span.span_id)).toEqual(['1', '2']);
  });
});

describe('tables', () => {
  it.each([
    ['long', 'timestamp,service,metric,value\n2026-11-20 16:00:00,cart,latency,12\n'],
    ['wide with a service', 'time,service,latency\n1795190400,cart,12\n'],
    ['wide with both in the name', 'time,cart:latency\n1795190400000,12\n'],
    ['parted by tabs, quoted', 'ts\tservice\tmetric\tvalue\n"2026-11-20T16:00:00Z"\tcart\tlatency\t12\n'],
  ])('reads a %s one', (_, text) => {
    expect(read(text).metrics).toEqual([[1_795_190_400_000, 'cart', 'latency', 12]]);
  });

  it('leaves out cells without a value', () => {
    expect(read('time,service,a,b\n1795190400,cart,,NaN\n1795190401,cart,1,2\n').metrics).toHaveLength(2);
  });
});

describe('what cannot be read', () => {
  it.each([
    ['h.json', '{"sysstat": {"hosts": []}}', /h\.json.*sysstat\.hosts/],
    [
      'h.json',
      sadf([{ timestamp: { date: 'x', time: 'y' } }]),
      /hosts\[0\]\.statistics\[0\]\.timestamp.*"x y"/,
    ],
    ['h.json', '{"sysstat": {"hosts": [', /h\.json: it is not JSON/],
    ['h.atop', 'SEP\nCPU vm x y z 1\n', /h\.atop, line 2/],
    ['h.atop', 'RESET\nSEP\n', /no sample/],
    ['m.csv', 'a,b\n1,2\n', /m\.csv, line 1: no column is a time/],
    ['m.csv', 'time,a\nsoon,2\n', /m\.csv, line 2, field "time".*"soon"/],
    ['m.csv', 'time,a\n1795190400,two\n', /m\.csv, line 2, field "a".*"two"/],
    [
      't.json',
      '{"data": [{"traceID": "a", "spans": [{"startTime": "x"}]}]}',
      /data\[0\]\.spans\[0\]\.startTime/,
    ],
    ['photo.bin', '\u0000\u0001', /what made it is not known/],
  ])('%s %#: is refused with file, place and reason', (name, text, message) => {
    expect(() => read(text, name)).toThrow(message);
  });

  it('tells files apart by what they hold', () => {
    expect([sadf([]), atop, 'a,b\n1,2\n', 'hello'].map((text) => foreignKind({ name: '', text }))).toEqual([
      'sadf',
      'atop',
      'csv',
      null,
    ]);
  });
});

describe('a Prometheus', () => {
  it('gives its series with the label that names the resource, and its error as it is', async () => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? '');
      const fine = request.headers.authorization === 'Bearer t';
      response.writeHead(fine ? 200 : 401).end(
        fine
          ? JSON.stringify({
              data: {
                result: [
                  {
                    metric: { __name__: 'up', job: 'node', instance: 'a:9100', zone: 'x' },
                    values: [
                      [1_795_190_400, '1'],
                      [1_795_190_415, 'NaN'],
                    ],
                  },
                ],
              },
            })
          : 'who are you',
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const window = windowOf('2026-11-20T16:00:00Z,2026-11-20T17:00:00Z', '--window');
    const rows = new Rows();
    try {
      expect(await importPrometheus({ url, window, match: 'up', token: 't' }, rows)).toBe(1);
      expect(rows.metrics).toEqual([[1_795_190_400_000, 'a:9100', 'up{zone="x"}', 1]]);
      expect(asked[0]).toContain('step=6');
      await expect(importPrometheus({ url, window, match: 'up' }, rows)).rejects.toThrow(/401: who are you/);
    } finally {
      server.close();
    }
    await expect(importPrometheus({ url, window, match: 'up' }, rows)).rejects.toThrow(/can't be reached/);
    expect(() => windowOf('b,a', '--window')).toThrow(/--window: "b,a"/);
  });
});

describe('the bundle', () => {
  it('holds every row, quotes what needs it, and has its meta.json last', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'bundle-'));
    try {
      const writer = new BundleWriter(dir);
      importFile({ name: 'h.atop', text: atop }, writer);
      const written = await writer.end({ source: 'h.atop', incidentAt: writer.newest });
      const lines = gunzipSync(readFileSync(join(dir, 'metrics.csv.gz')))
        .toString()
        .trimEnd()
        .split('\n');
      expect(lines).toHaveLength(written.metrics + 1);
      expect(lines).toContain('2026-11-20T16:12:56.000Z,vm,"system.disk.io_util{device=""vda""}",0.5');
      expect(JSON.parse(readFileSync(join(dir, 'meta.json'), 'utf8'))).toEqual({
        source: 'h.atop',
        incident_at: '2026-11-20T16:12:56.000Z',
      });
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
