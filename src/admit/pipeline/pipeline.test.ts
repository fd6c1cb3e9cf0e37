import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { ClewError, createLogger, isClewError, systemClock } from '../../lib/index.ts';
import type { LogRecord, Pair, RefinedRecord } from '../../receive/index.ts';
import { loadFormats } from './formats.ts';
import { Pipeline } from './pipeline.ts';
import { Pipelines } from './pipelines.ts';
import { parsePipelines } from './schema.ts';
import { timeReader } from './time.ts';

/** Set to repeat a run; fast-check prints the seed of a failure as well. */
const seed = 20_261_122;
const productCatalog = join(import.meta.dirname, '..', '..', '..', 'catalog');
const formats = await loadFormats([productCatalog]);
const nowMs = Date.UTC(2026, 0, 10);
let monotonicMs = 0;
const clock = { ...systemClock, now: () => nowMs, monotonic: () => monotonicMs };
const parse = (text: string) => parsePipelines({ source: 'p.yaml', text }, formats.names, systemClock);
const make = (stages: string, match = ''): Pipeline => {
  const [config] = parse(`name: test\n${match}stages:\n${stages}`);
  if (config === undefined) throw new Error('no pipeline');
  return new Pipeline(config, { clock, formats });
};
const record = (body: string, attributes: Pair[] = []): LogRecord => ({
  timeNs: 5n,
  severity: '',
  traceId: '',
  spanId: '',
  body,
  attributes,
});
const resource: Pair[] = [
  ['service.name', 's'],
  ['pod', 'web-1'],
];
const stream = { tenant: 't', source: 'loki/push', service: 's', resource };
function run(pipeline: Pipeline, ...bodies: (string | LogRecord)[]): RefinedRecord[] {
  const out: RefinedRecord[] = [];
  const refiner = pipeline.refiner(stream);
  for (const body of bodies)
    refiner.take(typeof body === 'string' ? record(body) : body, (each) => out.push(each));
  refiner.end((each) => out.push(each));
  return out;
}
const fieldsOf = (result: RefinedRecord | undefined) => Object.fromEntries(result?.attributes ?? []);

describe('stages', () => {
  it('json takes fields out, those inside of objects with dots', () => {
    const [one] = run(make('  - json: {}\n'), '{"a":{"b":1,"c":[1,"x"]},"d":null,"e":true}');
    expect(fieldsOf(one)).toEqual({ 'a.b': '1', 'a.c': '[1,"x"]', e: 'true' });
    const [two] = run(make('  - json: {field: raw, prefix: p.}\n'), record('x', [['raw', '{"k":"v"}']]));
    expect(fieldsOf(two)).toEqual({ raw: '{"k":"v"}', 'p.k': 'v' });
  });

  it('logfmt takes pairs out, quoted ones too', () => {
    const [one] = run(make('  - logfmt: {}\n'), 'level=warn msg="a \\"b\\" c" n=1');
    expect(fieldsOf(one)).toEqual({ level: 'warn', msg: 'a "b" c', n: '1' });
  });

  it('regex keeps its named groups, renamed where asked', () => {
    const [one] = run(
      make("  - regex: {pattern: '^(?<ip>\\S+) (?<rest>.*)', fields: {ip: client.address, rest: body}}\n"),
      '10.0.0.1 hello',
    );
    expect([fieldsOf(one), one?.body]).toEqual([{ 'client.address': '10.0.0.1' }, 'hello']);
  });

  it('timestamp sets the time, in a zone if the text names none', () => {
    const pipeline = make(
      "  - json: {}\n  - timestamp: {field: ts, formats: ['%Y-%m-%d %H:%M:%S', unix_ms], zone: Asia/Shanghai}\n",
    );
    expect(
      run(pipeline, '{"ts":"2026-01-02 03:04:05"}', '{"ts":1700000000123}').map(({ timeNs, attributes }) => [
        timeNs,
        attributes,
      ]),
    ).toEqual([
      [BigInt(Date.parse('2026-01-01T19:04:05Z')) * 1_000_000n, []],
      [1_700_000_000_123_000_000n, []],
    ]);
  });

  it('labels promote fields to attributes, resource, service, severity and trace', () => {
    const stages =
      '  - json: {}\n  - labels: {attributes: {http.route: path}, resource: {k8s.pod.name: pod}, service: app, severity: lvl, trace_id: t, remove: [junk]}\n';
    const [one] = run(make(stages), '{"path":"/a","pod":"p","app":"cart","lvl":"warn","t":"ab","junk":1}');
    expect(one).toMatchObject({ severity: 'warn', traceId: 'ab', attributes: [['http.route', '/a']] });
    expect(one?.resource).toEqual({
      service: 'cart',
      attributes: [
        ['service.name', 'cart'],
        ['pod', 'web-1'],
        ['k8s.pod.name', 'p'],
      ],
    });
  });

  it('drop lets go what matches, and limit what is beyond the rate of the stream', () => {
    expect(
      run(make("  - drop: {matches: '^GET /healthz', reason: probes}\n"), 'GET /healthz', 'GET /a').map(
        ({ body }) => body,
      ),
    ).toEqual(['GET /a']);
    const limited = make('  - limit: {per_second: 10, burst: 2}\n');
    expect(run(limited, 'a', 'b', 'c').map(({ body }) => body)).toEqual(['a', 'b']);
    monotonicMs += 100;
    expect(run(limited, 'd', 'e').map(({ body }) => body)).toEqual(['d']);
  });

  it('replace and output rewrite the body', () => {
    const [one] = run(make("  - replace: {pattern: 'id=\\d+', with: 'id=?'}\n"), 'id=1 id=22');
    expect(one?.body).toBe('id=? id=?');
    const [two] = run(make('  - json: {}\n  - output: {field: msg}\n'), '{"msg":"hi","k":"v"}');
    expect([two?.body, fieldsOf(two)]).toEqual(['hi', { k: 'v' }]);
    const [three] = run(make("  - json: {}\n  - output: {text: '{k}: {msg}'}\n"), '{"msg":"hi","k":"v"}');
    expect(three?.body).toBe('v: hi');
  });

  it('format reads a line of the catalogue', () => {
    const [one] = run(
      make('  - format: {name: auto}\n'),
      '127.0.0.1 - - [01/Jan/2026:00:00:01 +0000] "GET /a HTTP/1.1" 500 12',
    );
    expect(one?.severity).toBe('ERROR');
    expect(fieldsOf(one)).toMatchObject({ 'url.path': '/a', 'http.response.status_code': '500' });
  });

  it('a stage that fails leaves the record as it was and marks it', () => {
    const [one] = run(make('  - json: {}\n  - timestamp: {field: ts}\n'), 'not json');
    expect(one?.body).toBe('not json');
    expect(fieldsOf(one)).toEqual({
      'clew.pipeline_error':
        'test: stage 1 (json): not a JSON object; stage 2 (timestamp): there is no field "ts"',
    });
  });
});

describe('multiline', () => {
  const stages = "  - multiline: {first: '^\\d{4}-', lines_max: 3}\n";
  it('joins the lines of one event and holds nothing back at the end', () => {
    expect(run(make(stages), '2026-1 boom', '  at a', '  at b', '2026-2 ok').map(({ body }) => body)).toEqual(
      ['2026-1 boom\n  at a\n  at b', '2026-2 ok'],
    );
  });
  it('begins anew after lines_max, and loses no line', () => {
    expect(run(make(stages), 'x', 'y', 'z', 'w').map(({ body }) => body)).toEqual(['x\ny\nz', 'w']);
  });
});

describe('selection', () => {
  const cases: [match: string, matches: boolean][] = [
    ['', true],
    ['match: {source: loki/push, service: s, labels: {pod: web-1}, labels_match: {pod: "^web-"}}\n', true],
    ['match: {source: syslog}\n', false],
    ['match: {service: other}\n', false],
    ['match: {service_matches: "^s$"}\n', true],
    ['match: {labels: {pod: web-2}}\n', false],
    ['match: {labels_match: {pod: "^db"}}\n', false],
    ['tenant: other\n', false],
    ['enabled: false\n', false],
  ];
  it.each(cases)('%j: %s', (match, expected) =>
    expect(make('  - json: {}\n', match).matches(stream)).toBe(expected),
  );
});

describe('times', () => {
  const good: [format: string, text: string, expected: string, zone?: string][] = [
    ['%d/%b/%Y:%H:%M:%S %z', '10/Oct/2025:13:55:36 -0700', '2025-10-10T20:55:36.000Z'],
    ['%b %d %H:%M:%S', 'Jan  5 01:02:03', '2026-01-05T01:02:03.000Z'],
    ['%b %d %H:%M:%S', 'Dec 31 23:59:59', '2025-12-31T23:59:59.000Z'],
    ['%m/%d/%y %I:%M:%S %p', '01/02/26 12:04:05 AM', '2026-01-02T00:04:05.000Z'],
    ['unix', '1700000000.25', '2023-11-14T22:13:20.250Z'],
    ['iso8601', '2026-07-01 12:00:00', '2026-07-01T10:00:00.000Z', 'Europe/Berlin'],
    ['%Y-%m-%d %H:%M', '2026-03-29 12:00', '2026-03-29T10:00:00.000Z', 'Europe/Berlin'],
  ];
  it.each(good)('%s: %s is %s', (format, text, expected, zone = 'UTC') => {
    const ns = timeReader(format, zone)(text, nowMs);
    expect(ns === undefined ? null : new Date(Number(ns / 1_000_000n)).toISOString()).toBe(expected);
  });
  it.each([
    ['%d/%b/%Y', '40/Oct/2025'],
    ['%d/%b/%Y', '31/Feb/2025'],
    ['%d/%b/%Y', '1/Xyz/2025'],
    ['unix', 'soon'],
    ['iso8601', ''],
  ])('%s refuses %j', (format, text) => expect(timeReader(format, 'UTC')(text, nowMs)).toBeUndefined());
});

describe('pipelines that are wrong', () => {
  const bad: [text: string, message: string][] = [
    ['name: X\nstages: []\n', 'p.yaml:1: name: must be lower-case letters, digits, _ and -, at most 63'],
    ['name: x\n', 'p.yaml:1: stages: Invalid input: expected array, received undefined'],
    ['name: x\nstages: []\n', 'p.yaml:2: stages: Too small: expected array to have >=1 items'],
    [
      'name: x\nstages:\n  - json: {}\n    regex: {pattern: "(?<a>b)"}\n',
      'p.yaml:3: stages.0: is one stage: give exactly one of multiline, json,',
    ],
    ['name: x\nstages:\n  - jsn: {}\n', 'p.yaml:3: stages.0: Unrecognized key: "jsn"'],
    [
      'name: x\nstages:\n  - json: {}\n  - regex:\n      pattern: "a("\n',
      'p.yaml:5: stages.1.regex.pattern: is no regular expression: Unterminated group',
    ],
    ['name: x\nstages:\n  - regex: {pattern: abc}\n', 'p.yaml:3: stages.0.regex.pattern: has no named group'],
    [
      "name: x\nstages:\n  - replace: {pattern: '(a+)+', with: ''}\n",
      'p.yaml:3: stages.0.replace.pattern: repeats a group that repeats something itself',
    ],
    [
      'name: x\nstages:\n  - json: {}\n  - multiline: {first: a}\n',
      'p.yaml:4: stages.1.multiline: must be the first stage',
    ],
    [
      'name: x\nstages:\n  - format: {name: foo}\n',
      'p.yaml:3: stages.0.format.name: is no format of the catalogue; there are auto, json, ',
    ],
    [
      'name: x\nstages:\n  - timestamp: {field: t, formats: ["%Q"]}\n',
      'p.yaml:3: stages.0.timestamp.formats.0: %Q is not known',
    ],
    [
      'name: x\nstages:\n  - timestamp: {field: t, zone: Mars/X}\n',
      'p.yaml:3: stages.0.timestamp.zone: is no time zone; write a name as Asia/Shanghai, or UTC',
    ],
    ['name: x\nstages:\n  - drop: {reason: r}\n', 'p.yaml:3: stages.0.drop: needs either matches or equals'],
    ['name: x\nstages:\n  - output: {}\n', 'p.yaml:3: stages.0.output: needs either field or text'],
    [
      'name: x\nstages:\n  - limit: {per_second: 0, burst: 1}\n',
      'p.yaml:3: stages.0.limit.per_second: Too small: expected number to be >0',
    ],
    [
      'pipelines:\n  - name: a\n    stages:\n      - json: {fild: x}\n',
      'p.yaml:4: pipelines.0.stages.0.json: Unrecognized key: "fild"',
    ],
    [
      'name: x\nmatch: {labels_match: {a: "["}}\nstages: [{json: {}}]\n',
      'p.yaml:2: match.labels_match.a: is no regular expression',
    ],
    ['name: x\nstages: [\n', 'p.yaml:'],
  ];
  it.each(bad)('%j', (text, message) => expect(() => parse(text)).toThrow(message));
});

const anyStage = fc.oneof(
  fc.constantFrom(
    '{json: {}}',
    '{logfmt: {prefix: "p."}}',
    "{regex: {pattern: '(?<a>\\w+) (?<b>.*)', fields: {b: body}}}",
    '{format: {name: auto}}',
    '{timestamp: {field: ts, formats: [iso8601, unix, "%d/%b/%Y:%H:%M:%S %z"], zone: Asia/Shanghai}}',
    '{labels: {attributes: {x: a}, resource: {y: b}, service: service, severity: level, remove: [c]}}',
    "{drop: {matches: 'zz', reason: r}}",
    "{replace: {pattern: '[0-9]', with: '#$1'}}",
    "{output: {text: '{body} {a} {resource.pod}'}}",
    '{output: {field: msg}}',
    '{limit: {per_second: 100000, burst: 100000}}',
  ),
);
const anyLine = fc.oneof(
  fc.string({ maxLength: 200, unit: 'binary' }),
  fc.json(),
  fc.constantFrom(...formats.list.flatMap(({ samples }) => samples.map(({ line }) => line))),
  fc.constantFrom(
    '{"__proto__":{"a":1},"level":"error","msg":"zz"}',
    '{"ts":"1e999"}',
    'a=b '.repeat(500),
    `{"a":${'['.repeat(5_000)}`,
  ),
);
type RunLines = (pipeline: Pipeline, lines: readonly string[]) => RefinedRecord[];
/** Any pipeline and any lines: no crash, text in every field, no line lost but by `drop`. */
const neverBreaks = (runLines: RunLines, runs: number): void =>
  fc.assert(
    fc.property(
      fc.array(anyStage, { minLength: 1, maxLength: 6 }),
      fc.array(anyLine, { maxLength: 8 }),
      (stages, lines) => {
        const out = runLines(make(stages.map((stage) => `  - ${stage}\n`).join('')), lines);
        if (!stages.some((stage) => stage.startsWith('{drop'))) expect(out).toHaveLength(lines.length);
        for (const each of out) {
          expect([typeof each.body, typeof each.timeNs, typeof each.severity]).toEqual([
            'string',
            'bigint',
            'string',
          ]);
          for (const [key, value] of each.attributes)
            expect([typeof key, typeof value]).toEqual(['string', 'string']);
        }
      },
    ),
    { seed, numRuns: runs },
  );

describe('fuzz', () => {
  it('no pipeline breaks on any lines', () =>
    neverBreaks((pipeline, lines) => run(pipeline, ...lines), 1_500));
  it('the property catches a pipeline that loses lines, and one that makes numbers of fields (canary)', () => {
    expect(() => neverBreaks((pipeline, lines) => run(pipeline, ...lines).slice(1), 200)).toThrow();
    const numbers: RunLines = (pipeline, lines) =>
      run(pipeline, ...lines).map((each) => ({
        ...each,
        attributes: each.attributes.map(([key]) => [key, 1 as unknown as string] as const),
      }));
    expect(() => neverBreaks(numbers, 500)).toThrow();
  });
  it('any configuration is taken or refused with a message that names the file', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ maxLength: 100 }),
          fc.json().map((text) => `name: x\nstages: ${text}`),
          fc.json(),
        ),
        (text) => {
          try {
            parse(text);
          } catch (error) {
            if (!isClewError(error) || !error.message.startsWith('p.yaml:')) throw error;
          }
        },
      ),
      { seed, numRuns: 1_000 },
    );
  });
});

describe('files', () => {
  const dirs: string[] = [];
  afterEach(async () => {
    for (const dir of dirs.splice(0)) await rm(dir, { recursive: true, force: true });
  });
  it('are read again when they change; one that is wrong leaves what was there', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'clew-pipelines-'));
    dirs.push(dir);
    await mkdir(join(dir, 'pipelines'));
    const file = join(dir, 'pipelines', 'a.yaml');
    const write = (what: string) =>
      writeFile(file, `name: a\nstages:\n  - replace: {pattern: x, with: ${what}}\n`);
    const log = createLogger({ level: 'silent' });
    const pipelines = new Pipelines({ catalogDirs: [productCatalog, dir], masker: null, clock, log });
    const bodyNow = (): unknown => {
      const out: RefinedRecord[] = [];
      pipelines.refiner('t', 'syslog', 's', [])?.take(record('x'), (each) => out.push(each));
      return out[0]?.body;
    };
    await pipelines.loadFiles();
    expect(pipelines.active).toBe(false);
    await write('one');
    await pipelines.loadFiles();
    expect(bodyNow()).toBe('one');
    await write('two');
    await pipelines.loadFiles();
    expect(bodyNow()).toBe('two');
    await writeFile(file, 'name: a\nstages: 7\n');
    await expect(pipelines.loadFiles()).rejects.toThrow(
      `${file}:2: stages: Invalid input: expected array, received number`,
    );
    expect(bodyNow()).toBe('two');
    await rm(file);
    await pipelines.loadFiles();
    expect(pipelines.active).toBe(false);
    await expect(pipelines.put('t', 'a', 'x')).rejects.toThrow(ClewError);
  });
});
