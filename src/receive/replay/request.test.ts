import { expect, it } from 'vitest';
import { jaegerBatch } from '../../../test/support/thrift.ts';
import { zipkinProtobuf } from '../../../test/support/zipkin.ts';
import { configSchema } from '../../config/index.ts';
import { systemClock } from '../../lib/index.ts';
import { jaegerReader } from '../jaeger/routes.ts';
import { zipkinReader } from '../zipkin/routes.ts';
import { replayRequest } from './request.ts';

const deps = { clock: systemClock, config: configSchema.parse({}).ingest };
const us = Date.now() * 1000;
const zipkinSpan = {
  ...{ traceId: '0af7651916cd43dd8448eb211c80319c', id: '0000000000000000', parentId: '' },
  ...{ name: 'x', timestamp: us, duration: 1, localEndpoint: { serviceName: 'shop' }, remoteEndpoint: {} },
  ...{ annotations: [], tags: {} },
};
const jaegerSpan = { traceIdLow: 1n, spanId: 0n, operationName: 'x', startTime: BigInt(us), duration: 1n };

/** A span without id; the letter is mended by writing one over the zeros. */
const cases: [string, string, typeof zipkinReader, Buffer, (payload: Buffer) => Buffer][] = [
  [
    'zipkin/spans',
    'application/json',
    zipkinReader,
    Buffer.from(JSON.stringify([zipkinSpan])),
    (payload) => Buffer.from(payload.toString().replace('"id":"0000000000000000"', '"id":"1"')),
  ],
  [
    'zipkin/spans',
    'application/x-protobuf',
    zipkinReader,
    zipkinProtobuf(zipkinSpan),
    (payload) => withId(payload, 8),
  ],
  [
    'jaeger/spans',
    'application/x-thrift',
    jaegerReader,
    jaegerBatch({ serviceName: 'shop' }, [jaegerSpan]),
    (payload) => withId(payload, 8),
  ],
];

it.each(cases)(
  'a refused span of %s in %s can be mended and sent again',
  (source, type, make, body, mend) => {
    const reader = make(deps);
    const { records, rejected, rejections } = reader.transcode('t', body, type);
    expect([records, rejected]).toEqual([0, 1]);
    const payload = mend(Buffer.from(rejections[0]?.payload ?? []));
    const letter = { tenant: 't', source, reason: '', contentType: `${type}; part=record`, payload };
    const request = replayRequest(letter);
    expect(request.contentType).toBe(type);
    expect(reader.transcode('t', request.payload, type)).toMatchObject({ records: 1, rejected: 0 });
  },
);

/** Writes 1s over the id, whose field's head stands right before it. */
function withId(payload: Buffer, length: number): Buffer {
  const heads = [Buffer.from([0x1a, 8]), Buffer.from([10, 0, 3])];
  const zeros = Buffer.alloc(length);
  for (const head of heads) {
    const at = payload.indexOf(Buffer.concat([head, zeros]));
    if (at >= 0) return Buffer.from(payload).fill(1, at + head.length, at + head.length + length);
  }
  throw new Error('no id');
}
