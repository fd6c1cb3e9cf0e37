import type { Letter } from '../door.ts';

/** The request that a letter is sent again as. */
export interface ReplayRequest {
  url: string;
  contentType: string;
  payload: Buffer;
}

/** The letter can't be sent again; the message says why. */
export class UnreplayableError extends Error {}

const json = 'application/json';
const protobuf = 'application/x-protobuf';
/** OTLP: the field of a scope's records is 2 in all three signals, the scopes' field of a resource too. */
const recordTag = 0x12;
const groupTag = 0x0a;

const routes = new Map<string, (letter: Letter, part: string, type: string) => ReplayRequest>([
  ['otlp/logs', otlp('/v1/logs')],
  ['otlp/traces', otlp('/v1/traces')],
  ['otlp/metrics', otlp('/v1/metrics')],
  ['loki/push', lokiPush],
  ['zipkin/spans', zipkinSpans],
  ['jaeger/spans', asItCame('/api/traces')],
  ['elastic/bulk', elasticBulk],
  ['ndjson', asItCame('/api/v1/logs/ndjson')],
  ['prometheus/remote-write', remoteWrite],
  ['prometheus/scrape', remoteWrite],
  ['events/cloudevents', asItCame('/api/v1/events')],
  ['events/kubernetes', asItCame('/api/v1/events/kubernetes')],
  ['changes/gitlab', asItCame('/api/v1/changes/gitlab')],
  ['changes/argocd', asItCame('/api/v1/changes/argocd')],
  ['flows/aws-vpc', asItCame('/api/v1/flows/aws-vpc')],
  ['flows/aws-firehose', firehose],
  ['flows/azure', azure],
  ['flows/hubble', asItCame('/api/v1/flows/hubble')],
  ['write/metrics', tableWrite('/write/metrics')],
  ['write/logs', tableWrite('/write/logs')],
  ['alerts/alertmanager', alertsOf('/api/v2/alerts', '[', ']')],
  ['alerts/webhook', alertsOf('/api/v1/alerts/webhook', '{"alerts":[', ']}')],
]);

/** Sources whose letters can be sent again. */
export const replayableSources: readonly string[] = [...routes.keys()];

/** Throws UnreplayableError. */
export function replayRequest(letter: Letter): ReplayRequest {
  const build = routes.get(letter.source);
  if (build === undefined) {
    throw new UnreplayableError(
      `letters of ${JSON.stringify(letter.source)} can't be replayed; those of ${replayableSources.join(', ')} can`,
    );
  }
  const [type = '', ...parameters] = letter.contentType.split(';').map((part) => part.trim());
  const part = parameters.find((parameter) => parameter.startsWith('part='))?.slice('part='.length) ?? '';
  return build(letter, part, type);
}

function otlp(url: string) {
  return (letter: Letter, part: string, type: string): ReplayRequest => {
    const body = Buffer.from(letter.payload);
    if (part !== 'record') return { url, contentType: type, payload: body };
    if (url === '/v1/metrics') {
      throw new UnreplayableError(
        'it is a data point without its metric, as Clew kept them before; send the metric again',
      );
    }
    const payload = field(groupTag, field(recordTag, field(recordTag, body)));
    return { url, contentType: type, payload };
  };
}

/** Receivers that take one record as they take many. */
function asItCame(url: string) {
  return (letter: Letter): ReplayRequest => {
    const contentType = letter.contentType.replace(/; *part=\w+$/, '');
    return { url, contentType, payload: Buffer.from(letter.payload) };
  };
}

/** Lines were packed; unpacked they are lines like any other. */
function firehose(letter: Letter, part: string): ReplayRequest {
  const url = `/api/v1/flows/${part === 'record' ? 'aws-vpc' : 'aws-firehose'}`;
  return { url, contentType: json, payload: Buffer.from(letter.payload) };
}

function azure(letter: Letter, part: string): ReplayRequest {
  if (part === 'record')
    throw new UnreplayableError(
      'it is one tuple without the record that says where it was seen; send the record again',
    );
  return { url: '/api/v1/flows/azure', contentType: json, payload: Buffer.from(letter.payload) };
}

/** The letter's type says which table its records were for. */
function tableWrite(path: string) {
  return (letter: Letter, _part: string, type: string): ReplayRequest => {
    const table = /; *table=(\w+)/.exec(letter.contentType)?.[1] ?? '';
    return { url: `${path}/${table}`, contentType: type, payload: Buffer.from(letter.payload) };
  };
}

/** One alert that was refused stands in the frame of its request again. */
function alertsOf(url: string, before: string, after: string) {
  return (letter: Letter, part: string): ReplayRequest => {
    const text = Buffer.from(letter.payload).toString('utf8');
    const payload = Buffer.from(part === 'record' ? `${before}${text}${after}` : text);
    return { url, contentType: json, payload };
  };
}

function lokiPush(letter: Letter, part: string, type: string): ReplayRequest {
  const body = Buffer.from(letter.payload);
  const url = '/loki/api/v1/push';
  if (type === json) {
    const payload = part === 'record' ? Buffer.from(`{"streams":[${body.toString('utf8')}]}`) : body;
    return { url, contentType: json, payload };
  }
  const whole = part === 'record' ? field(groupTag, body) : body;
  return { url, contentType: protobuf, payload: snappyLiteral(whole) };
}

function zipkinSpans(letter: Letter, part: string, type: string): ReplayRequest {
  const body = Buffer.from(letter.payload);
  const list = type === json ? Buffer.from(`[${body.toString('utf8')}]`) : field(groupTag, body);
  return { url: '/api/v2/spans', contentType: type, payload: part === 'record' ? list : body };
}

/** A document that was kept without its action line belongs to no index any more. */
function elasticBulk(letter: Letter, part: string, type: string): ReplayRequest {
  const text = Buffer.from(letter.payload).toString('utf8');
  const action = part === 'record' && !text.includes('\n') ? '{"create":{"_index":"replayed"}}\n' : '';
  const payload = Buffer.from(`${action}${text}${text.endsWith('\n') ? '' : '\n'}`);
  return { url: '/_bulk', contentType: type, payload };
}

function remoteWrite(letter: Letter, part: string): ReplayRequest {
  const body = Buffer.from(letter.payload);
  const second = /version=2\b/.test(letter.contentType);
  const proto = second ? 'io.prometheus.write.v2.Request' : 'prometheus.WriteRequest';
  const whole = part === 'timeseries' ? field(groupTag, body) : body;
  return {
    url: '/api/v1/write',
    contentType: `${protobuf};proto=${proto}`,
    payload: snappyLiteral(whole),
  };
}

/** A protobuf field of bytes. */
export function field(tag: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([tag]), varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return Buffer.from([...bytes, rest]);
}

/** Longest literal that one element names with two bytes of length. */
const literalBytesMax = 65_536;

/** A snappy block that is all literals: the receivers take nothing else, and its size doesn't matter here. */
export function snappyLiteral(bytes: Uint8Array): Buffer {
  const parts: Uint8Array[] = [varint(bytes.length)];
  for (let at = 0; at < bytes.length; at += literalBytesMax) {
    const piece = bytes.subarray(at, at + literalBytesMax);
    const length = piece.length - 1;
    parts.push(Buffer.from([61 << 2, length & 0xff, length >> 8]), piece);
  }
  return Buffer.concat(parts);
}
