/** Chapter 6.3.2: every kind of record is in the table where it belongs, and what can't be read is kept and told. */
import { mixed, writeSpanId, writeTraceId } from '../identity.ts';
import { sumOf } from './metrics.ts';
import {
  logRequest,
  type Marked,
  remoteWriteBody,
  remoteWriteHeaders,
  type Sender,
  senders,
  spanRequest,
} from './senders.ts';
import { readMetrics } from './throughput.ts';
import { sleep, type Trial } from './trial.ts';

/** How long a record may take from its acknowledgement to a query; syslog and flows are not acknowledged at all. */
const visibleMsMax = 5_000;

let marks = 0;
export function newMark(trial: Trial, name: string, atMs = Date.now()): Marked {
  marks++;
  const ids = new DataView(new ArrayBuffer(24));
  writeTraceId(ids, 0, mixed(marks) ^ Date.now());
  writeSpanId(ids, 16, marks);
  const hex = Buffer.from(ids.buffer).toString('hex');
  return {
    service: `${trial.run}-${name}-${marks}`,
    nanoseconds: BigInt(atMs) * 1_000_000n + BigInt(mixed(marks) % 1_000_000),
    traceId: hex.slice(0, 32),
    spanId: hex.slice(32),
  };
}

export async function routing(trial: Trial): Promise<void> {
  trial.print('Routing: one record by each protocol');
  for (const sender of senders) await route(trial, sender);
  await partitions(trial);
  await aligned(trial);
  for (const letter of letters) await deadLetter(trial, letter);
}

/** Rows that match, as soon as there are enough of them; a second more shows whether there are too many. */
async function found(trial: Trial, table: string, where: string, rows: number): Promise<number> {
  const end = Date.now() + visibleMsMax;
  let stored = 0;
  while (stored < rows && Date.now() < end) {
    await sleep(200);
    const [row] = await trial.sql(`SELECT count() FROM ${table} WHERE ${where}`);
    stored = Number(row?.[0] ?? 0);
  }
  return stored;
}

async function route(trial: Trial, sender: Sender): Promise<void> {
  const mark = newMark(trial, 'route');
  let measured: string;
  let passed = false;
  try {
    await sender.send(trial, mark);
    const rows = await found(trial, sender.table, sender.where(mark), sender.rows);
    measured = `${rows} in ${sender.table}`;
    passed = rows === sender.rows;
  } catch (error) {
    measured = error instanceof Error ? error.message : String(error);
  }
  trial.check({
    dimension: 'correct',
    chapter: '6.3.2',
    criterion: sender.protocol,
    limit: `${sender.rows} in ${sender.table}`,
    measured,
    passed,
    how: 'A marked record is sent as a client of the protocol does and looked for by SQL, with its values and its time where the protocol carries them.',
  });
}

/** A span of yesterday lies in yesterday's partition, so reading or dropping a day touches that day only. */
async function partitions(trial: Trial): Promise<void> {
  const yesterday = Date.now() - 86_400_000;
  const days: string[] = [];
  for (const atMs of [yesterday, Date.now()]) {
    const mark = newMark(trial, 'partition', atMs);
    await send(trial.server.otlp, '/v1/traces', spanRequest(mark));
    await found(trial, 'otel_traces', `ServiceName = '${mark.service}'`, 1);
    const [row] = await trial.sql(
      `SELECT _partition_id FROM otel_traces WHERE ServiceName = '${mark.service}'`,
    );
    days.push(String(row?.[0] ?? 'none'));
  }
  const expected = [yesterday, Date.now()].map((ms) =>
    new Date(ms).toISOString().slice(0, 10).replaceAll('-', ''),
  );
  trial.check({
    dimension: 'correct',
    chapter: '6.3.2',
    criterion: 'spans are partitioned by their time',
    limit: expected.join(' and '),
    measured: days.join(' and '),
    passed: days.join() === expected.join(),
    how: 'A span of yesterday and one of today; the partition of each row as the engine names it.',
  });
}

/** A log line and a span of the same trace find each other. */
async function aligned(trial: Trial): Promise<void> {
  const mark = newMark(trial, 'join');
  await send(trial.server.otlp, '/v1/traces', spanRequest(mark));
  await send(
    trial.server.otlp,
    '/v1/logs',
    logRequest({ ...mark, nanoseconds: mark.nanoseconds + 400_000n }, 'validate'),
  );
  await found(trial, 'otel_traces', `TraceId = '${mark.traceId}'`, 1);
  await found(trial, 'otel_logs', `TraceId = '${mark.traceId}'`, 1);
  const rows = await trial.sql(
    `SELECT toUnixTimestamp64Nano(l.Timestamp) - toUnixTimestamp64Nano(t.Timestamp), t.Duration FROM otel_logs AS l INNER JOIN otel_traces AS t ON l.TraceId = t.TraceId AND l.SpanId = t.SpanId WHERE l.TraceId = '${mark.traceId}' AND t.TraceId = '${mark.traceId}'`,
  );
  const text = rows.map((row) => row.map(String).join(' of ')).join();
  trial.check({
    dimension: 'correct',
    chapter: '6.6',
    criterion: 'logs and traces can be joined, times are exact',
    limit: '1 pair, the log 400000 ns into a span of 1500000 ns',
    measured: `${rows.length} pair${rows.length === 1 ? '' : 's'}${rows.length === 0 ? '' : `, ${text} ns`}`,
    passed: text === '400000 of 1500000',
    how: 'A span and a log record of the same trace and span, joined by SQL on both ids.',
  });
}

interface BadRecord {
  name: string;
  source: string;
  url: (trial: Trial) => string;
  headers: Record<string, string>;
  body: (mark: Marked) => string | Uint8Array;
  /** Status of the answer: a client must not send it again. */
  status: number;
  /** What the reason must name. */
  reason: RegExp;
}

const json = { 'content-type': 'application/json' };
const letters: readonly BadRecord[] = [
  {
    name: 'a label that stands twice',
    source: 'prometheus/remote-write',
    url: (trial) => `${trial.server.api}/api/v1/write`,
    headers: remoteWriteHeaders,
    body: (mark) =>
      remoteWriteBody(
        [
          ['__name__', 'bad'],
          ['job', mark.service],
          ['job', 'again'],
        ],
        1,
        Date.now(),
      ),
    status: 400,
    reason: /stands twice/,
  },
  {
    name: 'a label with no name',
    source: 'prometheus/remote-write',
    url: (trial) => `${trial.server.api}/api/v1/write`,
    headers: remoteWriteHeaders,
    body: (mark) =>
      remoteWriteBody(
        [
          ['', mark.service],
          ['__name__', 'bad'],
        ],
        1,
        Date.now(),
      ),
    status: 400,
    reason: /no name/,
  },
  {
    name: 'a body that is no protobuf',
    source: 'otlp/logs',
    url: (trial) => `${trial.server.otlp}/v1/logs`,
    headers: { 'content-type': 'application/x-protobuf' },
    body: (mark) => `validate ${mark.service}`,
    status: 400,
    reason: /./,
  },
  {
    name: 'a span without ids',
    source: 'otlp/traces',
    url: (trial) => `${trial.server.otlp}/v1/traces`,
    headers: json,
    body: (mark) => JSON.stringify(spanRequest({ ...mark, traceId: '0'.repeat(32) })),
    status: 200,
    reason: /trace/i,
  },
  {
    name: 'a stream with a time that is none',
    source: 'loki/push',
    url: (trial) => `${trial.server.api}/loki/api/v1/push`,
    headers: json,
    body: (mark) =>
      JSON.stringify({ streams: [{ stream: { service: mark.service }, values: [['soon', 'x']] }] }),
    status: 400,
    reason: /./,
  },
];

async function send(base: string, path: string, body: unknown): Promise<void> {
  const answer = await fetch(base + path, { method: 'POST', headers: json, body: JSON.stringify(body) });
  if (answer.status !== 200) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
}

/** The fallback of the plan: kept with the reason, counted, and answered so that the sender does not try for ever. */
async function deadLetter(trial: Trial, bad: BadRecord): Promise<void> {
  const mark = newMark(trial, 'bad');
  const before = sumOf(await readMetrics(trial), 'clew_ingest_dead_lettered_total', { source: bad.source });
  const since = `Timestamp >= fromUnixTimestamp64Milli(${Date.now() - 1000}) AND Source = '${bad.source}'`;
  const had = Number((await trial.sql(`SELECT count() FROM dead_letters WHERE ${since}`))[0]?.[0] ?? 0);
  const body = bad.body(mark);
  const answer = await fetch(bad.url(trial), {
    method: 'POST',
    headers: bad.headers,
    body: typeof body === 'string' ? body : Buffer.from(body),
  });
  await answer.arrayBuffer();
  await found(trial, 'dead_letters', since, had + 1);
  const rows = await trial.sql(`SELECT Reason FROM dead_letters WHERE ${since} ORDER BY EventId`);
  const after = sumOf(await readMetrics(trial), 'clew_ingest_dead_lettered_total', { source: bad.source });
  const reason = String(rows.at(-1)?.[0] ?? 'no dead letter');
  trial.check({
    dimension: 'exceptions',
    chapter: '6.3.2',
    criterion: `dead letter: ${bad.name}`,
    limit: `answered ${bad.status}, one dead letter with the reason, counted`,
    measured: `answered ${answer.status}, ${rows.length - had} kept, ${after - before} counted: ${reason.slice(0, 120)}`,
    passed:
      answer.status === bad.status &&
      rows.length - had === 1 &&
      after - before === 1 &&
      bad.reason.test(reason),
    how: 'Sent as it is; dead_letters by SQL, and clew_ingest_dead_lettered_total at /metrics before and after.',
  });
}
