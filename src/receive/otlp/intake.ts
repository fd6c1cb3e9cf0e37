import type { Config } from '../../config/index.ts';
import type { LabelGuard } from '../label-guard.ts';
import { type TakeDeps, takeRequest } from '../take.ts';
import { contentTypes, type Encoding, exportAnswer, type Signal } from './answer.ts';
import { decodeBody } from './body.ts';
import { jsonToWire } from './json.ts';
import { LogsTranscoder } from './logs.ts';
import { MetricsTranscoder } from './metrics.ts';
import { TracesTranscoder } from './traces.ts';
import { type Transcoder, whereabouts } from './transcoder.ts';

export interface IntakeDeps extends TakeDeps {
  config: Config['ingest'];
  guard?: LabelGuard;
}

/** One ExportXServiceRequest, whatever carried it. */
export interface ExportRequest {
  tenant: string;
  signal: Signal;
  encoding: Encoding;
  /** Content-Encoding of `raw`; '' for none. */
  contentEncoding: string;
  raw: Buffer;
}

/**
 * What OTLP/HTTP and OTLP/gRPC have in common. Resolves with an ExportXServiceResponse in the request's encoding once
 * everything that could be kept is durable. Throws MalformedError and ClewErrors.
 */
export type OtlpIntake = (request: ExportRequest) => Promise<Buffer>;

/** One of it serves all listeners: its transcoders hold buffers, and the series that were written already. */
export function createOtlpIntake(deps: IntakeDeps): OtlpIntake {
  const metrics = new MetricsTranscoder(deps.config, deps.guard);
  const transcoders: Record<Signal, Transcoder> = {
    logs: new LogsTranscoder(deps.config),
    traces: new TracesTranscoder(deps.config),
    metrics,
  };
  const { bodyBytesMax } = deps.config;
  return async ({ tenant, signal, encoding, contentEncoding, raw }) => {
    const { records, rejected, rejections } = await takeRequest(deps, {
      tenant,
      signal,
      source: `otlp/${signal}`,
      contentType: contentTypes[encoding],
      // Rejected records are requests of one record, in protobuf: a JSON request was turned into it.
      recordType: contentTypes.protobuf,
      raw,
      unpack: (body) => decodeBody(body, contentEncoding, bodyBytesMax),
      transcode: (body) => {
        const wire = encoding === 'json' ? jsonToWire(signal, new TextDecoder().decode(body)) : body;
        return transcoders[signal].transcode(tenant, wire, deps.clock.now());
      },
      onLost: () => {
        if (signal === 'metrics') metrics.forget();
      },
    });
    const reason = rejections[0]?.reason ?? 'it is invalid';
    const message =
      rejected === 0
        ? ''
        : `${rejected} of ${records + rejected} records were not kept, the first because ${reason}.${whereabouts(rejections)}`;
    return exportAnswer(encoding, signal, rejected, message);
  };
}
