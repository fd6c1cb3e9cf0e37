import { gunzipSync } from 'node:zlib';
import { ClewError } from '../../lib/index.ts';
import { type Flow, newFlow } from '../flow-sink.ts';
import { isRecord, RecordError, shown } from '../json.ts';
import { MalformedError } from '../otlp/wire.ts';
import { type CloudFlowSink, ipAddress, secondsNs, whole } from './out.ts';

type Put = (flow: Flow, value: string, name: string) => void;

const count =
  (field: 'srcPort' | 'dstPort' | 'protocol' | 'packets' | 'bytes' | 'tcpFlags', max?: number): Put =>
  (flow, value, name) => {
    flow[field] = whole(value, name, max);
  };
const address =
  (field: 'srcAddr' | 'dstAddr'): Put =>
  (flow, value, name) => {
    flow[field] = ipAddress(value, name);
  };
const time =
  (field: 'startNs' | 'endNs'): Put =>
  (flow, value, name) => {
    flow[field] = secondsNs(value, name);
  };
const text =
  (field: 'accountId' | 'vpcId' | 'subnetId' | 'instanceId'): Put =>
  (flow, value) => {
    flow[field] = value;
  };
const nothing: Put = () => undefined;

/** Fields of VPC Flow Logs, versions 2 to 5, that have a column; every other one is kept under its own name. */
const fields = new Map<string, Put>([
  ['version', nothing],
  ['account-id', text('accountId')],
  ['interface-id', putInterface],
  ['srcaddr', address('srcAddr')],
  ['dstaddr', address('dstAddr')],
  ['srcport', count('srcPort', 65_535)],
  ['dstport', count('dstPort', 65_535)],
  ['protocol', count('protocol', 255)],
  ['packets', count('packets')],
  ['bytes', count('bytes')],
  ['start', time('startNs')],
  ['end', time('endNs')],
  ['action', putAction],
  ['log-status', nothing],
  ['vpc-id', text('vpcId')],
  ['subnet-id', text('subnetId')],
  ['instance-id', text('instanceId')],
  ['tcp-flags', count('tcpFlags', 65_535)],
  ['type', nothing],
  ['flow-direction', putDirection],
]);

/** The network interface is where the flow was seen, so it is the exporter too. */
function putInterface(flow: Flow, value: string): void {
  flow.exporter = value;
  flow.inInterface = value;
}

function putAction(flow: Flow, value: string): void {
  if (value !== 'ACCEPT' && value !== 'REJECT')
    throw new RecordError(`field action is ${shown(value)}; ACCEPT or REJECT is needed`);
  flow.action = value;
}

function putDirection(flow: Flow, value: string): void {
  if (value !== 'ingress' && value !== 'egress')
    throw new RecordError(`field flow-direction is ${shown(value)}; ingress or egress is needed`);
  flow.direction = value;
}

/** The default format, which AWS calls version 2. */
const defaultOrder =
  'version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status'.split(
    ' ',
  );
const orderMax = 64;
const fieldName = /^[a-z][a-z0-9-]{0,63}$/;

/** The order of a custom format: `version srcaddr …` or `${version} ${srcaddr} …`, as AWS shows it. */
export function parseOrder(given: string): string[] {
  const names = given
    .replaceAll(/[${}]/g, '')
    .split(/[\s,]+/)
    .filter((name) => name !== '');
  const wrong = names.find((name) => !fieldName.test(name));
  if (
    names.length === 0 ||
    names.length > orderMax ||
    wrong !== undefined ||
    !names.some((n) => fields.has(n))
  ) {
    throw new ClewError(
      'bad_request',
      `The format ${JSON.stringify(given.slice(0, 200))} names no fields of VPC Flow Logs${wrong ? ` (${JSON.stringify(wrong.slice(0, 60))})` : ''}; give up to ${orderMax} names such as "${defaultOrder.slice(0, 5).join(' ')}".`,
    );
  }
  return names;
}

const isHeader = (tokens: readonly string[]): boolean =>
  tokens.every((token) => fieldName.test(token)) && tokens.some((token) => fields.has(token));

/** Attributes that are the same for all records of a request. */
export type Common = readonly (readonly [string, string])[];

/** Reads flow lines; a header line among them sets the order for those that follow. */
export class AwsLines {
  private order: readonly string[] | undefined;
  private readonly out: CloudFlowSink;
  private readonly common: Common;

  constructor(out: CloudFlowSink, order?: readonly string[], common: Common = []) {
    this.out = out;
    this.order = order;
    this.common = common;
  }

  text(text: string): void {
    let start = 0;
    while (start < text.length) {
      const at = text.indexOf('\n', start);
      const end = at < 0 ? text.length : at;
      this.line(text.slice(start, end));
      start = end + 1;
    }
  }

  line(given: string): void {
    const line = given.trim();
    if (line === '') return;
    const tokens = line.split(/\s+/, orderMax + 1);
    if (isHeader(tokens)) this.order = tokens;
    else
      this.out.attempt(
        () => given,
        () => this.record(tokens),
      );
  }

  private record(tokens: readonly string[]): void {
    const order = this.order ?? defaultOrder;
    if (tokens.length !== order.length) {
      const hint = this.order
        ? ''
        : '; name those of a custom format in a header line or in the parameter fields';
      throw new RecordError(
        `the line has ${tokens.length} fields, the format ${this.order ? '' : 'of version 2 '}has ${order.length}${hint}`,
      );
    }
    const status = tokens[order.indexOf('log-status')];
    if (status === 'NODATA' || status === 'SKIPDATA') {
      this.out.skip(status === 'NODATA' ? 'nodata' : 'skipdata');
      return;
    }
    const flow = newFlow('aws-vpc', '');
    for (const [i, name] of order.entries()) {
      const value = tokens[i] ?? '-';
      if (value === '-') continue;
      const put = fields.get(name);
      if (put) put(flow, value, name);
      else flow.attributes.push([name, value]);
    }
    if (flow.srcAddr === '' && flow.dstAddr === '' && flow.exporter === '')
      throw new RecordError('the line has neither srcaddr nor dstaddr nor interface-id');
    if (flow.direction === 'egress') {
      flow.outInterface = flow.inInterface;
      flow.inInterface = '';
    }
    for (const [key, value] of this.common) flow.attributes.push([key, value]);
    this.out.flow(flow);
  }
}

/** What a request may become in memory, all packed records of it together. */
export interface Budget {
  left: number;
  readonly limit: number;
}

/**
 * Flow logs in any of the wrappings in which AWS hands them on: lines, `{"message": line}`, the envelope of a CloudWatch
 * Logs subscription, gzip around any of them.
 */
export function readAwsBytes(bytes: Uint8Array, lines: AwsLines, out: CloudFlowSink, budget: Budget): void {
  const plain = bytes[0] === 0x1f && bytes[1] === 0x8b ? unpack(bytes, budget) : bytes;
  const text = new TextDecoder().decode(plain);
  if (/^\s*[{[]/.test(text)) readJson(text, lines, out, budget, 0);
  else lines.text(text);
}

function unpack(bytes: Uint8Array, budget: Budget): Uint8Array {
  try {
    const plain = gunzipSync(bytes, { maxOutputLength: Math.max(1, budget.left) });
    budget.left -= plain.length;
    return plain;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') {
      throw new ClewError(
        'too_large',
        `The records become more than ${budget.limit} bytes without their compression, the limit of ingest.body_bytes_max. Send smaller batches.`,
      );
    }
    throw new RecordError(`it is not valid gzip: ${error instanceof Error ? error.message : 'error'}`);
  }
}

/** An envelope in an envelope is `awslogs` of a Lambda event; there is nothing deeper. */
const depthMax = 2;

function readJson(text: string, lines: AwsLines, out: CloudFlowSink, budget: Budget, depth: number): void {
  const whole = parsed(text);
  if (whole !== undefined) {
    for (const value of Array.isArray(whole) ? whole : [whole])
      out.attempt(
        () => shortJson(value),
        () => readEnvelope(value, lines, out, budget, depth),
      );
    return;
  }
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    out.attempt(
      () => line,
      () => {
        const value = parsed(line);
        if (value === undefined) throw new RecordError('the line is not JSON');
        readEnvelope(value, lines, out, budget, depth);
      },
    );
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const payloadCharsMax = 65_536;
const shortJson = (value: unknown): string => {
  try {
    return (JSON.stringify(value) ?? '').slice(0, payloadCharsMax);
  } catch {
    return '';
  }
};

function readEnvelope(
  value: unknown,
  lines: AwsLines,
  out: CloudFlowSink,
  budget: Budget,
  depth: number,
): void {
  if (!isRecord(value)) throw new RecordError(`the record is ${shown(value)}; an object is needed`);
  if (value.messageType === 'CONTROL_MESSAGE') out.skip('control');
  else if (Array.isArray(value.logEvents)) {
    for (const event of value.logEvents) {
      const message = isRecord(event) ? event.message : undefined;
      if (typeof message === 'string') lines.line(message);
      else out.refuse('an event of logEvents has no message', shortJson(event));
    }
  } else if (typeof value.message === 'string') lines.line(value.message);
  else if (isRecord(value.awslogs) && typeof value.awslogs.data === 'string' && depth < depthMax) {
    const inner = new TextDecoder().decode(unpack(Buffer.from(value.awslogs.data, 'base64'), budget));
    readJson(inner, lines, out, budget, depth + 1);
  } else throw new RecordError('the record has neither message, logEvents nor awslogs.data');
}

/** The body of `POST …/aws-vpc`. */
export function readAwsBody(
  body: Uint8Array,
  order: string[] | undefined,
  out: CloudFlowSink,
  budget: Budget,
): void {
  const lines = new AwsLines(out, order);
  try {
    readAwsBytes(body, lines, out, budget);
  } catch (error) {
    if (error instanceof RecordError) throw new MalformedError(`The body can't be read: ${error.message}.`);
    throw error;
  }
}
