import { expect, test } from 'vitest';
import { parseArguments } from './arguments.ts';
import { parseIngestOptions, parseValidateOptions, validatePhases, workloadNames } from './bench-options.ts';

const parse = (line: string) =>
  parseIngestOptions(parseArguments(['ingest', ...line.split(' ').filter(Boolean)], []).flags);

test('without options all workloads run for a minute on a Clew of its own, beside the engine alone', () => {
  expect(parse('')).toEqual({
    url: undefined,
    otlpUrl: undefined,
    token: '',
    pid: 0,
    target: 'clew',
    workloads: [...workloadNames],
    seconds: 60,
    warmupSeconds: 3,
    rounds: 1,
    connections: 8,
    records: undefined,
    rate: 0,
    ceilingSeconds: 20,
    settleSeconds: 150,
    tempDir: undefined,
    json: undefined,
    html: undefined,
  });
});

test('options are taken as given; --html alone is the page of the documentation', () => {
  const options = parse(
    '--workload logs,spans --seconds 5 --rounds 2 --records 100 --url http://127.0.0.1:8080/ --html --json a.json',
  );
  expect(options).toMatchObject({
    workloads: ['logs', 'spans'],
    seconds: 5,
    ceilingSeconds: 5,
    rounds: 2,
    records: 100,
    url: 'http://127.0.0.1:8080',
    html: 'docs/benchmarks/ingest.html',
    json: 'a.json',
  });
});

test.each([
  ['--seconds 0', '--seconds is "0"; it must be a whole number from 1 to 3600.'],
  ['--seconds 1.5', '--seconds is "1.5"; it must be a whole number from 1 to 3600.'],
  ['--seconds ten', '--seconds is "ten"; it must be a whole number from 1 to 3600.'],
  ['--seconds', '--seconds needs a value.'],
  ['--rounds 21', '--rounds is "21"; it must be a whole number from 1 to 20.'],
  ['--connections 0', '--connections is "0"; it must be a whole number from 1 to 256.'],
  ['--records 10001', '--records is "10001"; it must be a whole number from 1 to 10000.'],
  ['--rate -5', '--rate is "-5"; it must be a whole number from 0 to 10000000.'],
  [
    '--workload loggs',
    '--workload names "loggs"; there are logs, logs-small, spans, samples, mixed (several by comma) and all.',
  ],
  ['--url https://x:1', '--url is "https://x:1"; it must be http://host:port (the generator speaks no TLS).'],
  [
    '--url http://x/path',
    '--url is "http://x/path"; it must be http://host:port (the generator speaks no TLS).',
  ],
  ['--otlp-url http://x:1', '--otlp-url needs --url: the records are counted through the API.'],
  ['--json', '--json needs a value.'],
  ['--target loki', '--target is "loki"; there are clew, victorialogs, victoriametrics.'],
  [
    '--target victorialogs --workload logs',
    '--target victorialogs needs --url: only Clew is started by the benchmark.',
  ],
  [
    '--target victorialogs --url http://x:1 --workload spans',
    '--target victorialogs takes no spans; name with --workload some of logs, logs-small.',
  ],
  ['--pid 5', '--pid needs --url: of a Clew that the benchmark starts it is known.'],
  ['--second 5', 'clew bench ingest knows no --second; see clew bench help.'],
])('%s is refused, saying what would be right', (line, message) => {
  expect(() => parse(line)).toThrow(message);
});

const parsePlan = (line: string) =>
  parseValidateOptions(parseArguments(['validate', ...line.split(' ').filter(Boolean)], ['quick']).flags);

test('the whole plan runs at its own length unless told otherwise; phases keep their order', () => {
  expect(parsePlan('')).toEqual({
    quick: false,
    phases: [...validatePhases],
    out: 'clew-validation',
    tempDir: undefined,
  });
  expect(parsePlan('--quick --only faults,queries --out /tmp/x')).toEqual({
    quick: true,
    phases: ['queries', 'faults'],
    out: '/tmp/x',
    tempDir: undefined,
  });
});

test.each([
  [
    '--only speed',
    '--only names "speed"; there are throughput, queries, routing, tenants, observability, faults (several by comma).',
  ],
  ['--only', '--only needs a value.'],
  ['--quick=maybe', '--quick is "maybe"; it is true, false, or stands alone.'],
  ['--out', '--out needs a value.'],
  ['--seconds 5', 'clew bench validate knows no --seconds; see clew bench help.'],
])('validate %s is refused, saying what would be right', (line, message) => {
  expect(() => parsePlan(line)).toThrow(message);
});
