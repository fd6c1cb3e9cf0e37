import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { ClewError, publicError } from '../../lib/index.ts';
import { type Alert, alertAgeMsMax } from '../../model/index.ts';
import { type FrontDeps, mapError, mediaTypeOf, retryAfterOf, takeLogs, tenantOf, useDoor } from '../http.ts';
import { eachItem, isRecord, shown } from '../json.ts';
import { LogSink, type Pair } from '../log-sink.ts';
import { maskedLabels, maskedText } from '../masked.ts';
import { decodeBody } from '../otlp/body.ts';
import type { TranscodeLimits } from '../otlp/transcoder.ts';
import { MalformedError } from '../otlp/wire.ts';
import { type ReceivedAlert, readAlert, severityWord } from './alert.ts';
import { AlertBook } from './book.ts';
import { managerRoutes } from './manager.ts';
import { resourceOfLabels } from './service.ts';

export interface AlertDeps extends FrontDeps {
  /** Severity labels whose firing alerts open a case; `alerts.open_cases`. */
  openCases: readonly string[];
  /** Told of every alert of a request after it is on disk, also of those that were told before. */
  onAlerts: (tenant: string, alerts: readonly Alert[]) => void;
}

const alertsMax = 10_000;
const errorsMax = 100;
/** As Alertmanager's `resolve_timeout`: an alert without an end is over when nothing more is heard of it. */
const holdOfPrometheusMs = 300_000;
/** A webhook is repeated every `repeat_interval`, four hours unless it was set. */
const holdOfWebhookMs = 5 * 3_600_000;

/** What became of a request. */
interface Outcome {
  alerts: ReceivedAlert[];
  errors: { index: number; reason: string }[];
  rejected: number;
}

/**
 * Alerts of others: the webhook of Alertmanager (and of Grafana, which has the same form), and Alertmanager's own API, so
 * that a Prometheus can list Clew as one of its Alertmanagers. Register without a prefix.
 */
export function alertRoutes(deps: AlertDeps): FastifyPluginAsync {
  return async (app) => {
    useDoor(app, deps);
    const sink = new LogSink(deps.config, 'alerts');
    const book = new AlertBook();
    const tags = ['ingest'];
    app.setErrorHandler((error) => {
      throw repeatable(error, deps.config.bodyBytesMax);
    });
    app.post(
      '/api/v1/alerts/webhook',
      {
        schema: { tags, summary: 'Alerts, as the webhook receiver of Alertmanager sends them' },
        config: { ownCredentials: true },
      },
      async (request, reply) => {
        needJson(request);
        const outcome = await take(deps, sink, book, request, 'alerts/webhook', holdOfWebhookMs, framed);
        const { alerts, rejected, errors } = outcome;
        if (alerts.length > 0 || rejected === 0)
          return reply.status(200).send({ accepted: alerts.length, rejected, errors });
        throw new ClewError('bad_request', `None of ${rejected} alerts could be kept; ${told(outcome)}`, {
          details: { rejected, errors },
        });
      },
    );
    await app.register(async (manager) => {
      manager.setErrorHandler((error, request, reply) => sendFailure(deps, error, request, reply));
      manager.post(
        '/api/v2/alerts',
        { schema: { tags, summary: "Alerts, by Alertmanager's own API" }, config: { ownCredentials: true } },
        async (request, reply) => {
          needJson(request);
          const outcome = await take(
            deps,
            sink,
            book,
            request,
            'alerts/alertmanager',
            holdOfPrometheusMs,
            listed,
          );
          // Alertmanager keeps the valid alerts too and answers with the text alone, as JSON.
          if (outcome.rejected > 0)
            return reply
              .status(400)
              .type('application/json')
              .send(JSON.stringify(told(outcome)));
          return reply.status(200).send();
        },
      );
      managerRoutes(manager, deps, book);
    });
  };
}

const told = ({ errors }: Outcome): string =>
  errors
    .map(({ index, reason }) => `alert ${index}: ${reason}`)
    .slice(0, 10)
    .join('; ');

function listed(whole: unknown): unknown[] {
  if (Array.isArray(whole)) return whole;
  throw new MalformedError(`The body is ${shown(whole)}, an array of alerts is needed.`);
}

function framed(whole: unknown): unknown[] {
  if (isRecord(whole) && Array.isArray(whole.alerts)) return whole.alerts;
  const found = isRecord(whole) ? whole.alerts : whole;
  throw new MalformedError(
    `${isRecord(whole) ? 'alerts' : 'The body'} is ${shown(found)}, the alerts of a webhook are needed.`,
  );
}

/** Alertmanager repeats a webhook that was answered 5xx, and drops it at 429. */
function repeatable(error: unknown, bodyBytesMax: number): unknown {
  const mapped = mapError(error, bodyBytesMax);
  return mapped instanceof ClewError && mapped.code === 'overloaded'
    ? new ClewError('unavailable', mapped.message, { details: mapped.details })
    : mapped;
}

async function take(
  deps: AlertDeps,
  sink: LogSink,
  book: AlertBook,
  request: FastifyRequest,
  source: string,
  holdMs: number,
  itemsOf: (whole: unknown) => unknown[],
): Promise<Outcome> {
  const tenant = tenantOf(deps, request);
  const nowMs = deps.clock.now();
  const outcome: Outcome = { alerts: [], errors: [], rejected: 0 };
  const defaults = { nowMs, holdMs, openCases: deps.openCases };
  await takeLogs(deps, request, {
    source,
    signal: 'alerts',
    contentType: 'application/json',
    unpack: (raw) => decodeBody(raw, request.headers['content-encoding'] ?? '', deps.config.bodyBytesMax),
    transcode: (_tenant, body) =>
      sink.collect(tenant, nowMs, () => {
        eachItem(
          new TextDecoder().decode(body),
          alertsMax,
          (value) => outcome.alerts.push(masked(deps, tenant, readAlert(value, defaults))),
          (index, reason, payload) => {
            sink.reject(`alert ${index}: ${reason}`, payload);
            outcome.rejected += 1;
            if (outcome.errors.length < errorsMax) outcome.errors.push({ index, reason });
          },
          itemsOf,
        );
        for (const alert of book.news(tenant, outcome.alerts, nowMs)) write(sink, alert, nowMs);
      }),
  });
  book.keep(tenant, outcome.alerts, nowMs);
  deps.onAlerts(tenant, outcome.alerts);
  return outcome;
}

/** What is stored, listed and handed on; its fingerprint stays that of the labels as they were sent. */
function masked(deps: AlertDeps, tenant: string, alert: ReceivedAlert): ReceivedAlert {
  const { refinery }: TranscodeLimits = deps.config;
  const masker = refinery?.masker;
  return {
    ...alert,
    summary: maskedText(masker, alert.summary, tenant),
    labels: maskedLabels(masker, alert.labels, tenant),
    annotations: maskedLabels(masker, alert.annotations, tenant),
    generatorUrl: maskedText(masker, alert.generatorUrl, tenant),
  };
}

/** The record of an alert that began or ended. */
function write(sink: LogSink, alert: ReceivedAlert, nowMs: number): void {
  const { labels, annotations, firing } = alert;
  const at = firing ? alert.startsAt : alert.endsAt;
  const attributes: Pair[] = [
    ['alert.name', alert.name],
    ['alert.status', firing ? 'firing' : 'resolved'],
    ['alert.fingerprint', alert.fingerprint],
    ['alert.starts_at', new Date(alert.startsAt).toISOString()],
  ];
  if (!firing) attributes.push(['alert.ends_at', new Date(alert.endsAt).toISOString()]);
  if (alert.generatorUrl !== '') attributes.push(['alert.generator_url', alert.generatorUrl]);
  for (const [name, value] of Object.entries(labels)) attributes.push([`alert.label.${name}`, value]);
  for (const [name, value] of Object.entries(annotations))
    attributes.push([`alert.annotation.${name}`, value]);
  sink.resource(alert.service, resourceOfLabels(alert.service, labels));
  sink.record({
    timeNs: BigInt(nowMs - at > alertAgeMsMax || at > nowMs ? nowMs : at) * 1_000_000n,
    severity: firing ? severityWord(alert.severityLabel) : 'info',
    traceId: labels.trace_id ?? '',
    spanId: '',
    body: `${alert.name} ${firing ? 'firing' : 'resolved'}${alert.summary === '' ? '' : `: ${alert.summary}`}`,
    attributes,
    eventName: firing ? 'alert.firing' : 'alert.resolved',
  });
}

function needJson(request: FastifyRequest): void {
  const type = mediaTypeOf(request);
  if (type === 'application/json') return;
  throw new ClewError(
    'unsupported_media_type',
    `unsupported media type ${JSON.stringify(type.slice(0, 80))}, only [application/json] are allowed`,
  );
}

/** As the API of Alertmanager answers what it can't read. */
function sendFailure(deps: FrontDeps, error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const mapped = mapError(error, deps.config.bodyBytesMax);
  const status = mapped instanceof ClewError ? mapped.status : 500;
  if (status >= 500)
    deps.log.error({ err: error, route: request.url, trace_id: request.id }, 'alerts failed');
  if (status === 429 || status === 503) reply.header('retry-after', retryAfterOf(mapped));
  const { message } = publicError(mapped);
  // What a GET asked for wrongly is answered by the text alone, as clients expect it.
  const body = request.method === 'GET' && status === 400 ? message : { code: status, message };
  reply.status(status).type('application/json').send(JSON.stringify(body));
}
