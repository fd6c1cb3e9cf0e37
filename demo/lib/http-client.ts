import { Agent } from 'node:http';
import {
  type Attributes,
  context,
  createContextKey,
  type Histogram,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { HttpError } from './http-error.ts';
import { parseBody, readText, regionHeader, sendOnce } from './http-raw.ts';
import { asError, propagator, type Telemetry } from './telemetry.ts';

/** Where the request came from in the world; it travels with the request as a header. */
export const regionKey = createContextKey('user.region');

/** Longest wait for an answer from another service of the shop. */
const timeoutMsDefault = 5_000;

export interface CallOptions {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** `http://127.0.0.1:4000` */
  base: string;
  path: string;
  /** Name of the called service when it is one of ours. */
  peer?: string;
  body?: unknown;
  headers?: Record<string, string>;
  timeoutMs?: number;
}

export interface Answer {
  status: number;
  body: Record<string, unknown>;
}

const setter = {
  set: (carrier: Record<string, string>, key: string, value: string) => {
    carrier[key] = value;
  },
};

/** HTTP calls with a client span each, the trace context in the headers and the duration as a metric. */
export class HttpClient {
  readonly #telemetry: Telemetry;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });
  readonly #duration: Histogram;

  constructor(telemetry: Telemetry) {
    this.#telemetry = telemetry;
    this.#duration = telemetry.meter.createHistogram('http.client.request.duration', {
      unit: 's',
      advice: { explicitBucketBoundaries: durationBoundsS },
    });
  }

  /** The answer whatever its status; throws only when there was none. */
  async call(options: CallOptions): Promise<Answer> {
    const url = new URL(options.path, options.base);
    const attributes: Attributes = {
      'http.request.method': options.method,
      'server.address': url.hostname,
      'server.port': Number(url.port),
    };
    const span = this.#telemetry.tracer.startSpan(options.method, {
      kind: SpanKind.CLIENT,
      attributes: {
        ...attributes,
        'url.full': url.href,
        ...(options.peer ? { 'peer.service': options.peer } : {}),
      },
    });
    const started = performance.now();
    try {
      const answer = await this.#send(url, options, span);
      attributes['http.response.status_code'] = answer.status;
      span.setAttribute('http.response.status_code', answer.status);
      if (answer.status >= 400) {
        attributes['error.type'] = String(answer.status);
        span.setAttribute('error.type', String(answer.status));
        span.setStatus({ code: SpanStatusCode.ERROR });
      }
      return answer;
    } catch (thrown) {
      const error = asError(thrown);
      attributes['error.type'] = errorType(error);
      span.recordException(error);
      span.setAttribute('error.type', errorType(error));
      span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
      throw error;
    } finally {
      this.#duration.record((performance.now() - started) / 1_000, attributes);
      span.end();
    }
  }

  /** As `call`, but a failure of the other side becomes our 502 and its refusal (4xx) is passed on. */
  async expect(options: CallOptions): Promise<Record<string, unknown>> {
    const peer = options.peer ?? options.base;
    let answer: Answer;
    try {
      answer = await this.call(options);
    } catch (cause) {
      throw new HttpError(502, 'upstream_unreachable', `${peer}: ${asError(cause).message}`, cause);
    }
    if (answer.status >= 500)
      throw new HttpError(502, 'upstream_failed', `${peer} answered ${answer.status}`);
    if (answer.status >= 400)
      throw new HttpError(answer.status, 'refused', `${peer} refused: ${String(answer.body.message ?? '')}`);
    return answer.body;
  }

  async #send(url: URL, options: CallOptions, span: Span): Promise<Answer> {
    const headers: Record<string, string> = { ...options.headers };
    const region = context.active().getValue(regionKey);
    if (typeof region === 'string') headers[regionHeader] = region;
    propagator.inject(trace.setSpan(context.active(), span), headers, setter);
    const payload = options.body === undefined ? undefined : JSON.stringify(options.body);
    if (payload !== undefined) headers['content-type'] = 'application/json';
    const response = await sendOnce(url, {
      agent: this.#agent,
      method: options.method,
      headers,
      payload,
      timeoutMs: options.timeoutMs ?? timeoutMsDefault,
    });
    return { status: response.statusCode ?? 0, body: parseBody(await readText(response)) };
  }
}

/** Bucket bounds of the semantic conventions for request durations, seconds. */
export const durationBoundsS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

function errorType(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
