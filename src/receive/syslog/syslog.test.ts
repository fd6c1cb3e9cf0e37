import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configSchema, requireAllowBeyondLoopback } from '../../config/index.ts';
import { LogSink } from '../log-sink.ts';
import { allowOf } from './allow.ts';
import { writeMessages } from './collector.ts';
import { FrameReader } from './frames.ts';
import { WallClock } from './local-time.ts';
import { MessageReader } from './message.ts';

/** Set to repeat a run; fast-check prints the seed of a failure as well. */
const seed = 20_261_120;
const nowMs = Date.UTC(2026, 2, 10, 12);
const ns = (text: string) => BigInt(Date.parse(text)) * 1_000_000n;
const ascii = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');

function frames(chunks: (string | Uint8Array)[], max = 20): { messages: string[]; cut: number } {
  const messages: string[] = [];
  let cut = 0;
  const reader = new FrameReader(max, (bytes, wasCut) => {
    messages.push(ascii(bytes));
    if (wasCut) cut += 1;
  });
  for (const chunk of chunks) reader.push(Buffer.from(chunk));
  reader.end();
  return { messages, cut };
}

describe('a stream is split into messages', () => {
  const table: [string, string, string[], number][] = [
    ['ended by newlines', '<1>a\n<2>b\n', ['<1>a', '<2>b'], 0],
    ['ended by both characters, or a zero byte', '<1>a\r\n<2>b\0\n', ['<1>a', '<2>b'], 0],
    ['counted', '4 <1>a6 <2>b\ncx', ['<1>a', '<2>b\nc', 'x'], 0],
    ['counted with a newline inside the count', '5 <1>a\n5 <2>b\n', ['<1>a', '<2>b'], 0],
    ['both on one connection', '4 <1>a<2>b\n4 <3>c', ['<1>a', '<2>b', '<3>c'], 0],
    [
      'a line that begins with a number',
      '12 apples\n2026-01-01 x\n07 x\n',
      ['12 apples', '2026-01-01 x', '07 x'],
      0,
    ],
    ['counted text without a priority, after one with', '4 <1>a5 hello', ['<1>a', 'hello'], 0],
    ['the last line without an end', '<1>a\n<2>b', ['<1>a', '<2>b'], 0],
    ['the last message cut off', '4 <1>a9 <2>b', ['<1>a', '<2>b'], 0],
    ['empty lines', '\n\r\n<1>a\n\n', ['<1>a'], 0],
    ['a line too long', `<1>${'x'.repeat(40)}\n<2>b\n`, [`<1>${'x'.repeat(17)}`, '<2>b'], 1],
    ['a counted message too long', `43 <1>${'x'.repeat(40)}4 <2>b`, [`<1>${'x'.repeat(17)}`, '<2>b'], 1],
    ['a count that is none', '9999999999 <1>a\n<2>b\n', ['9999999999 <1>a', '<2>b'], 0],
  ];
  it.each(table)('%s, however the bytes arrive', (_name, text, messages, cut) => {
    expect(frames([text])).toEqual({ messages, cut });
    expect(frames([...text])).toEqual({ messages, cut });
  });

  /** The property that any splitter must have: how the bytes arrive changes nothing, and what was framed comes back. */
  function keepsMessages(split: (chunks: Uint8Array[]) => string[]): void {
    const text = fc.string({ unit: fc.constantFrom('a', ' ', '1', '<', ':', 'ü'), maxLength: 30 });
    const message = fc.tuple(text, fc.boolean());
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 8 }),
        fc.array(fc.nat(400), { maxLength: 6 }),
        (list, cuts) => {
          const wire: Buffer[] = [];
          const expected: string[] = [];
          for (const [body, counted] of list) {
            const bytes = Buffer.from(`<13>${body}`);
            expected.push(bytes.toString('latin1'));
            wire.push(
              counted
                ? Buffer.concat([Buffer.from(`${bytes.length} `), bytes])
                : Buffer.concat([bytes, Buffer.from('\n')]),
            );
          }
          const all = Buffer.concat(wire);
          const places = [0, ...cuts.map((cut) => cut % (all.length + 1)), all.length].sort((a, b) => a - b);
          const chunks = places.slice(1).map((end, index) => all.subarray(places[index], end));
          expect(split(chunks)).toEqual(expected);
        },
      ),
      { seed, numRuns: 500 },
    );
  }

  it('and gives back what was sent, whatever the framing and the chunks', () => {
    keepsMessages((chunks) => frames(chunks, 1000).messages);
  });

  it('and the same property catches a splitter that forgets what a chunk left over', () => {
    const broken = (chunks: Uint8Array[]) => chunks.flatMap((chunk) => frames([chunk], 1000).messages);
    expect(() => keepsMessages(broken)).toThrow(/Property failed/);
  });

  it('and holds no more than one message of any bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }), (chunks) => {
        const reader = new FrameReader(100, (bytes) => expect(bytes.length).toBeLessThanOrEqual(100));
        for (const chunk of chunks) {
          reader.push(chunk);
          expect((reader as unknown as { rest: Uint8Array }).rest.length).toBeLessThanOrEqual(111);
        }
        reader.end();
      }),
      { seed, numRuns: 1000 },
    );
  });
});

const reader = new MessageReader(new WallClock('Europe/Berlin'));
const read = (text: string | Uint8Array) => {
  const { body, ...rest } = reader.read(Buffer.from(text), nowMs);
  return { ...rest, attributes: Object.fromEntries(rest.attributes), body: Buffer.from(body).toString() };
};

describe('a message of RFC 5424', () => {
  it('becomes a record: header, structured data, body without its byte order mark', () => {
    expect(
      read(
        '<165>1 2003-10-11T22:14:15.000003-07:00 mymachine.example.com evntslog 8710 ID47 [exampleSDID@32473 iut="3" eventSource="App\\"\\]\\\\\\n"][origin ip="192.0.2.1" ip="192.0.2.2"][empty] \ufeffGrüße',
      ),
    ).toEqual({
      timeNs: ns('2003-10-12T05:14:15Z') + 3000n,
      severity: 'notice',
      host: 'mymachine.example.com',
      app: 'evntslog',
      attributes: {
        'syslog.facility': 'local4',
        'syslog.version': '1',
        'syslog.procid': '8710',
        'syslog.msgid': 'ID47',
        'syslog.exampleSDID@32473.iut': '3',
        'syslog.exampleSDID@32473.eventSource': 'App"]\\\\n',
        'syslog.origin.ip': '["192.0.2.1","192.0.2.2"]',
        'syslog.empty': '',
      },
      body: 'Grüße',
    });
  });

  it('may leave out everything', () => {
    const attributes = { 'syslog.facility': 'auth', 'syslog.version': '1' };
    const nothing = { timeNs: 0n, severity: 'crit', host: '', app: '', attributes };
    expect(read('<34>1 - - - - - -')).toEqual({ ...nothing, body: '' });
    expect(read('<34>1 - - - - - - x')).toEqual({ ...nothing, body: 'x' });
  });

  it('keeps nanoseconds, and structured data that can not be read stays in the body', () => {
    expect(read('<34>1 2026-01-01T00:00:00.123456789Z h a - - - x').timeNs).toBe(
      ns('2026-01-01T00:00:00Z') + 123456789n,
    );
    const broken = read('<34>1 2026-01-01T00:00:00Z h a - - [x y="unfinished] text');
    expect(broken).toMatchObject({ host: 'h', app: 'a', body: '[x y="unfinished] text' });
    expect(broken.attributes).toMatchObject({ 'clew.malformed': 'structured data' });
  });
});

describe('a message of RFC 3164', () => {
  const oct = ns('2025-10-11T20:14:15Z');
  const feb = ns('2026-02-05T16:32:18Z');
  const table: [string, string, Record<string, unknown>][] = [
    [
      'as the RFC shows it; the year is the one nearest to now',
      "<34>Oct 11 22:14:15 mymachine su: 'su root' failed on /dev/pts/8",
      { timeNs: oct, host: 'mymachine', app: 'su', severity: 'crit', body: "'su root' failed on /dev/pts/8" },
    ],
    [
      'rsyslog, high precision',
      '<46>2026-02-05T17:32:18.123456+01:00 h1 rsyslogd[99]: start',
      {
        timeNs: feb + 123456000n,
        host: 'h1',
        app: 'rsyslogd',
        attributes: { 'syslog.facility': 'syslog', 'syslog.procid': '99' },
        body: 'start',
      },
    ],
    [
      'an ISO time without a zone is of the setting',
      '<46>2026-02-05T17:32:18 h1 a: b',
      { timeNs: feb, host: 'h1', app: 'a', body: 'b' },
    ],
    [
      'syslog-ng with parts of a second',
      '<13>Feb  5 17:32:18.5 10.0.0.99 postfix/smtpd[1]: x',
      { timeNs: feb + 500000000n, host: '10.0.0.99', app: 'postfix/smtpd', body: 'x' },
    ],
    ['syslog-ng with a year', '<13>Feb 5 2026 17:32:18 h a: x', { timeNs: feb, host: 'h', app: 'a' }],
    [
      'BusyBox and logger: no name of a host',
      '<13>Feb  5 17:32:18 root: hello: you',
      { timeNs: feb, host: '', app: 'root', body: 'hello: you' },
    ],
    ['a process without a host', '<78>Feb  5 17:32:18 CRON[12]: run', { host: '', app: 'CRON', body: 'run' }],
    ['an IPv6 host', '<13>Feb  5 17:32:18 fe80::1 a: x', { host: 'fe80::1', app: 'a', body: 'x' }],
    [
      'no tag',
      '<13>Feb  5 17:32:18 host last message repeated 2 times',
      { host: 'host', app: '', body: 'last message repeated 2 times' },
    ],
    [
      'Cisco IOS with a sequence and a clock that is not set',
      '<189>29: *Mar  1 18:46:11.123: %SYS-5-CONFIG_I: Configured from console',
      {
        timeNs: ns('2026-03-01T17:46:11.123Z'),
        app: 'SYS',
        severity: 'notice',
        attributes: {
          'syslog.facility': 'local7',
          'syslog.sequence': '29',
          'syslog.msgid': 'SYS-5-CONFIG_I',
        },
        body: '%SYS-5-CONFIG_I: Configured from console',
      },
    ],
    [
      'Cisco IOS with its name and a zone',
      '<189>30: router1: Mar  1 18:46:11 UTC: %LINK-3-UPDOWN: x',
      { timeNs: ns('2026-03-01T18:46:11Z'), host: 'router1', app: 'LINK', body: '%LINK-3-UPDOWN: x' },
    ],
    [
      'Cisco NX-OS',
      '<187>: 2026 Mar  1 18:46:11 UTC: %ETHPORT-5-IF_DOWN: x',
      { timeNs: ns('2026-03-01T18:46:11Z'), app: 'ETHPORT' },
    ],
    [
      'Cisco ASA',
      '<166>Mar 01 2026 18:46:11 asa1 : %ASA-6-302013: Built',
      { timeNs: ns('2026-03-01T17:46:11Z'), host: 'asa1', app: 'ASA', body: '%ASA-6-302013: Built' },
    ],
    [
      'Cisco ASA without a time',
      '<166>%ASA-6-302013: Built',
      { timeNs: 0n, app: 'ASA', body: '%ASA-6-302013: Built' },
    ],
  ];
  it.each(table)('%s', (_name, text, expected) => expect(read(text)).toMatchObject(expected));

  const whole: [string, string, string][] = [
    ['no priority', 'Oct 11 22:14:15 host su: x', 'Oct 11 22:14:15 host su: x'],
    ['JSON', '{"level":"error"}', '{"level":"error"}'],
    ['a priority that is none', '<999>x', '<999>x'],
    ['a priority without digits', '<>x', '<>x'],
    ['nothing but a priority', '<13>', ''],
    ['no header', '<13>hello: world', 'hello: world'],
    ['a day that is none', '<13>Feb 30 10:00:00 h a: x', 'Feb 30 10:00:00 h a: x'],
    ['an hour that is none', '<13>Feb 20 25:00:00 h a: x', 'Feb 20 25:00:00 h a: x'],
    ['a time of RFC 5424 that is none', '<13>1 yesterday h a - - - x', '1 yesterday h a - - - x'],
  ];
  it.each(whole)('%s: nothing is lost, what is not understood is the body', (_name, text, body) => {
    expect(read(text)).toMatchObject({ timeNs: 0n, host: '', app: '', body });
  });

  it('keeps bytes that are no UTF-8', () => {
    const bytes = Buffer.from('<13>Feb  5 17:32:18 h a: gr\xfc\xdfe', 'latin1');
    expect(Buffer.from(reader.read(bytes, nowMs).body).toString('latin1')).toBe('gr\xfc\xdfe');
  });
});

describe('times of wall clocks', () => {
  const at = (zone: string, month: string, day: string, clock: string, now: string, year = '') =>
    new WallClock(zone).nanoseconds({ year, month, day, clock, fraction: '', zone: '' }, Date.parse(now));
  it('turn the year with now, on both sides', () => {
    expect(at('UTC', 'Dec', '31', '23:59:59', '2026-01-01T00:00:10Z')).toBe(ns('2025-12-31T23:59:59Z'));
    expect(at('UTC', 'Jan', '1', '00:00:05', '2025-12-31T23:59:59Z')).toBe(ns('2026-01-01T00:00:05Z'));
  });
  it('know the leap day and the change of the offset', () => {
    expect(at('UTC', 'Feb', '29', '12:00:00', '2028-03-01T00:00:00Z')).toBe(ns('2028-02-29T12:00:00Z'));
    expect(at('UTC', 'Feb', '29', '12:00:00', '2026-03-01T00:00:00Z')).toBeUndefined();
    expect(at('Europe/Berlin', 'Mar', '29', '01:59:59', '2026-03-29T02:00:00Z')).toBe(
      ns('2026-03-29T00:59:59Z'),
    );
    expect(at('Europe/Berlin', 'Mar', '29', '03:00:00', '2026-03-29T02:00:00Z')).toBe(
      ns('2026-03-29T01:00:00Z'),
    );
    expect(at('Asia/Shanghai', 'Jul', '1', '08:00:00', '2026-07-01T00:00:00Z', '2026')).toBe(
      ns('2026-07-01T00:00:00Z'),
    );
  });
});

describe('any bytes', () => {
  /** What must hold of any reader: no throw, and every byte of the message ends up in the body or in the header. */
  function losesNothing(read: (bytes: Buffer) => { body: Uint8Array }): void {
    const valid = [
      '<165>1 2003-10-11T22:14:15.003Z h a 1 M [x y="z"] text',
      '<34>Oct 11 22:14:15 mymachine su[1]: text',
      '<189>29: router: *Mar  1 18:46:11.123 UTC: %SYS-5-CONFIG_I: text',
      'text',
    ];
    const flips = fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 4 });
    fc.assert(
      fc.property(fc.constantFrom(...valid), flips, (line, list) => {
        const bytes = Buffer.from(line);
        for (const [at, value] of list) if (at < bytes.length - 4) bytes[at] = value;
        const { body } = read(bytes);
        expect(Buffer.from(body).toString('latin1').endsWith('text')).toBe(true);
      }),
      { seed, numRuns: 3000 },
    );
  }

  it('are read, and the text of a message always arrives', () => {
    losesNothing((bytes) => reader.read(bytes, nowMs));
  });

  it('and the same property catches a reader that loses the last byte', () => {
    expect(() => losesNothing((bytes) => ({ body: reader.read(bytes, nowMs).body.subarray(0, -1) }))).toThrow(
      /Property failed/,
    );
  });

  it('take time in proportion to their length', () => {
    const hostile = [
      `<13>1 ${'a '.repeat(20_000)}`,
      `<13>1 - - - - - [${'x y="'.repeat(10_000)}`,
      `<13>1 - - - - - [x ${'y="\\'.repeat(10_000)}`,
      `<13>${'1'.repeat(60_000)}: Oct`,
      `<13>Oct 11 22:14:15 ${'a'.repeat(60_000)}`,
      `<13>Oct 11 22:14:15 ${':'.repeat(60_000)}`,
    ];
    const started = performance.now();
    for (const line of hostile) reader.read(Buffer.from(line), nowMs);
    expect(performance.now() - started).toBeLessThan(500);
  });

  it('of one batch become rows, and the sink is as new afterwards', () => {
    const sink = new LogSink({ attributeBytesMax: 100, bodyFieldBytesMax: 100, clockSkewS: 60 });
    const write = (bytes: Uint8Array) => {
      const received = { bytes, cut: false, peer: '127.0.0.1', transport: 'tcp' as const };
      return sink.collect('t', nowMs, () => writeMessages([received, received], sink, reader, nowMs));
    };
    const line = Buffer.from('<34>Mar  1 22:14:15 mymachine su: x');
    const first = Buffer.from(write(line).blocks[0]?.bytes ?? []).toString('hex');
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (bytes) => {
        expect(write(bytes).records).toBe(2);
      }),
      { seed, numRuns: 500 },
    );
    expect(Buffer.from(write(line).blocks[0]?.bytes ?? []).toString('hex')).toBe(first);
  });
});

describe('who may send', () => {
  it('is loopback, and the networks that are named', () => {
    const allowed = allowOf(['10.1.0.0/16', '192.0.2.7', 'fd00::/8']);
    const told = [
      '127.0.0.1',
      '::1',
      '::ffff:10.1.2.3',
      '192.0.2.7',
      'fd00::5',
      '10.2.0.1',
      '192.0.2.8',
      'fe80::1',
      '',
    ];
    expect(told.map(allowed)).toEqual([true, true, true, true, true, false, false, false, false]);
  });

  it('must be said before a listener goes beyond loopback', () => {
    const config = (allow: string) =>
      configSchema.parse({ syslog: { udp: { enabled: 'true', host: '0.0.0.0' }, allow } });
    expect(() => requireAllowBeyondLoopback(config(''))).toThrow(
      /syslog\.udp\.host is 0\.0\.0\.0.*CLEW_SYSLOG_ALLOW/,
    );
    expect(() => requireAllowBeyondLoopback(config('10.0.0.0/8'))).not.toThrow();
  });

  it('is refused by the configuration when it is no network, and so is a zone that is none', () => {
    for (const allow of ['10.0.0.0/33', 'host', '10.0.0.0/8/8', '::/129', '10.0.0.0/x'])
      expect(configSchema.safeParse({ syslog: { allow } }).success, allow).toBe(false);
    expect(configSchema.safeParse({ syslog: { timeZone: 'Mars/Olympus' } }).success).toBe(false);
  });
});
