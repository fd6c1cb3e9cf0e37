import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import {
  type Attributes,
  context,
  type Histogram,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { durationBoundsS, regionKey } from './http-client.ts';
import { HttpError } from './http-error.ts';
import { listen, parseBody, readText, regionHeader, type ShopReply, send } from './http-raw.ts';
import { type RouteMatch, Router } from './router.ts';
import { asError, propagator, type Telemetry } from './telemetry.ts';

export interface ShopRequest {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  path: string;
  params: Record<string, string>;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
  body: Record<string, unknown>;
  region: string;
  /** The server span of this request. */
  span: Span;
}

export type Handler = (request: ShopRequest) => ShopReply | Promise<ShopReply>;

const getter = {
  keys: (headers: IncomingHttpHeaders) => Object.keys(headers),
  get: (headers: IncomingHttpHeaders, key: string) => headers[key],
};

/** An HTTP server whose every request is a server span, a point of `http.server.request.duration`, and an answer in JSON. */
export class HttpServer {
  readonly router = new Router<Handler>();
  readonly #telemetry: Telemetry;
  readonly #duration: Histogram;
  readonly #server: Server;
  #port = 0;

  constructor(telemetry: Telemetry) {
    this.#telemetry = telemetry;
    this.#duration = telemetry.meter.createHistogram('http.server.request.duration', {
      unit: 's',
      advice: { explicitBucketBoundaries: durationBoundsS },
    });
    this.#server = createServer((request, response) => void this.#handle(request, response));
    this.#server.keepAliveTimeout = 60_000;
  }

  async listen(port: number): Promise<number> {
    this.#port = await listen(this.#server, port);
    return this.#port;
  }

  close(): void {
    this.#server.close();
    this.#server.closeIdleConnections();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://shop');
    const method = request.method ?? 'GET';
    const match = this.router.find(method, url.pathname);
    const region = String(request.headers[regionHeader] ?? 'unknown');
    const attributes: Attributes = { 'http.request.method': method, 'url.scheme': 'http' };
    if (match) attributes['http.route'] = match.route;
    const parent = propagator.extract(ROOT_CONTEXT, request.headers, getter);
    const span = this.#telemetry.tracer.startSpan(
      match ? `${method} ${match.route}` : method,
      {
        kind: SpanKind.SERVER,
        attributes: {
          ...attributes,
          'url.path': url.pathname,
          ...(url.search ? { 'url.query': url.search.slice(1) } : {}),
          'server.address': '127.0.0.1',
          'server.port': this.#port,
          'user.region': region,
        },
      },
      parent,
    );
    const started = performance.now();
    const within = trace.setSpan(parent, span).setValue(regionKey, region);
    const reply = await context.with(within, () => this.#answer(match, url, request, region, span));
    attributes['http.response.status_code'] = reply.status;
    span.setAttribute('http.response.status_code', reply.status);
    if (reply.status >= 500) attributes['error.type'] = String(reply.status);
    this.#duration.record((performance.now() - started) / 1_000, attributes);
    send(response, reply);
    span.end();
  }

  async #answer(
    match: RouteMatch<Handler> | undefined,
    url: URL,
    request: IncomingMessage,
    region: string,
    span: Span,
  ): Promise<ShopReply> {
    try {
      if (!match) throw new HttpError(404, 'not_found', `No route ${request.method} ${url.pathname}`);
      const body = parseBody(await readText(request));
      const { params, handler } = match;
      const { headers } = request;
      return await handler({
        method: methodOf(request),
        path: url.pathname,
        params,
        query: url.searchParams,
        headers,
        body,
        region,
        span,
      });
    } catch (thrown) {
      return this.#failure(asError(thrown), match?.route ?? url.pathname, span);
    }
  }

  #failure(error: Error, route: string, span: Span): ShopReply {
    const status = error instanceof HttpError ? error.status : 500;
    const code = error instanceof HttpError ? error.code : 'internal';
    if (status >= 500) this.#telemetry.fail(span, error, `${route} failed`, { 'http.route': route });
    else
      this.#telemetry.log('info', `${route} refused: ${error.message}`, {
        'http.response.status_code': status,
      });
    if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
    return { status, body: { error: code, message: status === 500 ? 'internal error' : error.message } };
  }
}

const methodOf = (request: IncomingMessage): ShopRequest['method'] => {
  const { method } = request;
  return method === 'POST' || method === 'PUT' || method === 'DELETE' ? method : 'GET';
};
