import { isRecord, parseJson, RecordError, shown } from '../json.ts';
import { MalformedError } from '../otlp/wire.ts';
import { AwsLines, type Budget, type Common, parseOrder, readAwsBytes } from './aws.ts';
import type { CloudFlowSink } from './out.ts';

/** Records of one request; Firehose sends up to some thousands. */
const recordsMax = 100_000;
const commonMax = 50;

export interface FirehoseRequest {
  requestId: string;
  records: unknown[];
}

/** The envelope of Firehose's HTTP endpoint delivery, version 1.0. Throws MalformedError. */
export function readFirehose(body: Uint8Array): FirehoseRequest {
  const value = parseJson(new TextDecoder().decode(body), 'The body');
  if (!isRecord(value)) throw new MalformedError(`The body is ${shown(value)}; an object is needed.`);
  const { requestId, records } = value;
  if (typeof requestId !== 'string')
    throw new MalformedError(`requestId is ${shown(requestId)}; a text is needed.`);
  if (!Array.isArray(records)) throw new MalformedError(`records is ${shown(records)}; an array is needed.`);
  if (records.length > recordsMax)
    throw new MalformedError(`records has ${records.length} entries; the limit is ${recordsMax}.`);
  return { requestId, records };
}

/** Attributes that the delivery stream adds to every request; `fields` is the order of a custom format. */
export function readCommon(header: string | undefined): { order: string[] | undefined; common: Common } {
  if (header === undefined || header === '') return { order: undefined, common: [] };
  const value = parseJson(header, 'X-Amz-Firehose-Common-Attributes');
  const given =
    isRecord(value) && isRecord(value.commonAttributes) ? Object.entries(value.commonAttributes) : [];
  const texts = given.filter((pair): pair is [string, string] => typeof pair[1] === 'string');
  const order = texts.find(([name]) => name === 'fields')?.[1];
  return {
    order: order === undefined ? undefined : parseOrder(order),
    common: texts.filter(([name]) => name !== 'fields').slice(0, commonMax),
  };
}

const base64 = /^[A-Za-z0-9+/\s]*={0,2}\s*$/;

export function readFirehoseRecords(
  records: readonly unknown[],
  order: string[] | undefined,
  common: Common,
  out: CloudFlowSink,
  budget: Budget,
): void {
  const lines = new AwsLines(out, order, common);
  for (const record of records) {
    const data = isRecord(record) ? record.data : undefined;
    out.attempt(
      () => (typeof data === 'string' ? data.slice(0, 65_536) : shown(record)),
      () => {
        if (typeof data !== 'string' || !base64.test(data))
          throw new RecordError(`field data is ${shown(data)}; base64 is needed`);
        readAwsBytes(Buffer.from(data, 'base64'), lines, out, budget);
      },
    );
  }
}
