import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { ClewError, publicError } from '../../lib/index.ts';
import { type FrontDeps, mapError, mediaTypeOf, retryAfterOf, tenantOf } from '../http.ts';
import { LogSink } from '../log-sink.ts';
import { MalformedError } from '../otlp/wire.ts';
import { deliverPatiently } from '../patient.ts';
import { ExportReader } from './export.ts';
import { type JournalField, journalRecord } from './record.ts';

const contentType = 'application/vnd.fdo.journal';
const source = 'journald/upload';
/** Entries wait so long for more; then they are delivered, however long the body goes on. */
const lingerMs = 100;
const batchBytesMax = 1_048_576;
/** How long a sender has to notice that it was refused. */
const readPastMs = 2_000;
/** Uploads at once; one may last for days. */
const uploadsMax = 64;

/**
 * What `systemd-journal-upload` sends to: a body without an end, in the Journal Export Format. Entries are delivered while it
 * goes on; 202 is answered when it has ended and all of it is durable. While the door is full the body is not read.
 * A stop ends uploads with 503: the sender keeps its place in the journal and sends again from there.
 */
export function journaldRoutes(deps: FrontDeps): FastifyPluginAsync {
  return async (app) => {
    const stop = new AbortController();
    let uploads = 0;
    app.removeAllContentTypeParsers();
    // The body is read by the handler, as it comes.
    app.addContentTypeParser('*', (_request, _payload, done) => done(null));
    app.setErrorHandler((error, request, reply) => sendFailure(deps, error, request, reply));
    app.addHook('preClose', async () => stop.abort());
    const schema = { tags: ['ingest'], summary: 'Entries of the systemd journal (Journal Export Format)' };
    const config = { ownCredentials: true, readsAsItComes: true };
    app.post('/upload', { schema, config }, async (request, reply) => {
      if (mediaTypeOf(request) !== contentType) {
        throw new ClewError('unsupported_media_type', `Content-Type: ${contentType} is required.`);
      }
      const encoding = request.headers['content-encoding'] ?? 'identity';
      if (encoding !== 'identity') {
        const shown = JSON.stringify(encoding.slice(0, 40));
        throw new ClewError(
          'unsupported_media_type',
          `Content-Encoding ${shown} is not understood; send none.`,
        );
      }
      if (uploads >= uploadsMax)
        throw new ClewError('unavailable', `There are ${uploadsMax} uploads already; try again later.`);
      uploads += 1;
      try {
        await new Upload(deps, tenantOf(deps, request), stop.signal).take(request);
      } finally {
        uploads -= 1;
      }
      return sendText(reply, 202, 'OK.');
    });
    app.addHook('onRequest', async (request) => {
      if (request.routeOptions.config.ownCredentials === true) tenantOf(deps, request);
    });
  };
}

class Upload {
  private readonly deps: FrontDeps;
  private readonly tenant: string;
  private readonly stop: AbortSignal;
  private readonly sink: LogSink;
  private readonly reader: ExportReader;
  private entries: JournalField[][] = [];
  private bytes = 0;

  constructor(deps: FrontDeps, tenant: string, stop: AbortSignal) {
    this.deps = deps;
    this.tenant = tenant;
    this.stop = stop;
    this.sink = new LogSink(deps.config, 'journald');
    const { bodyFieldBytesMax, attributeBytesMax } = deps.config;
    const valueBytesMax = Math.max(bodyFieldBytesMax, attributeBytesMax) + 1;
    this.reader = new ExportReader({ valueBytesMax }, (entry) => {
      this.entries.push(entry);
      for (const { name, value } of entry) this.bytes += name.length + value.length;
    });
  }

  async take(request: FastifyRequest): Promise<void> {
    const chunks: AsyncIterator<Uint8Array> = request.raw[Symbol.asyncIterator]();
    let next = chunks.next();
    // Looked at when it is awaited; until then it must not count as unhandled.
    next.catch(() => undefined);
    for (;;) {
      const result = await this.soon(next);
      if (this.stop.aborted)
        throw new ClewError('unavailable', 'Clew is stopping; send again from the last entry.');
      if (result === undefined) {
        await this.deliver();
        continue;
      }
      if (result.done === true) break;
      await this.read(
        () => this.reader.push(result.value),
        () => result.value,
      );
      if (this.bytes >= batchBytesMax) await this.deliver();
      next = chunks.next();
      next.catch(() => undefined);
    }
    await this.read(
      () => this.reader.end(),
      () => this.reader.unfinished(),
    );
    await this.deliver();
  }

  /** The next chunk; undefined when entries wait and none came in time, or when everything stops. */
  private async soon<T>(next: Promise<T>): Promise<T | undefined> {
    const waited = new AbortController();
    const signal = AbortSignal.any([waited.signal, this.stop]);
    const timeMs = this.entries.length > 0 ? lingerMs : foreverMs;
    try {
      return await Promise.race([next, this.deps.clock.sleep(timeMs, signal).then(() => undefined)]);
    } catch (error) {
      // The sender went away: what it sent whole is kept, and it will send the rest again.
      await this.deliver();
      throw new ClewError('bad_request', 'The body was cut off.', { cause: error });
    } finally {
      waited.abort();
    }
  }

  /** What came before the place that can't be read is kept. */
  private async read(work: () => void, payload: () => Uint8Array): Promise<void> {
    try {
      work();
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      await this.deliver();
      const letter = { tenant: this.tenant, source, contentType, reason: error.message };
      await this.deps.door.deadLetters([{ ...letter, payload: payload() }]);
      throw new ClewError('unprocessable', `Processing failed: ${error.message}`);
    }
  }

  private async deliver(): Promise<void> {
    const { deps, tenant, sink, entries, bytes } = this;
    if (entries.length === 0) return;
    this.entries = [];
    this.bytes = 0;
    const startedAt = deps.clock.monotonic();
    const taken = sink.collect(tenant, deps.clock.now(), () => {
      for (const entry of entries) {
        const record = journalRecord(entry);
        sink.resource(record.service, record.resource);
        sink.record(record);
      }
    });
    const payload = () => Buffer.from(entries.map((entry) => entry.map(shown).join('\n')).join('\n\n'));
    const common = { tenant, source, contentType, taken, payload, bytes, startedAt };
    if (!(await deliverPatiently(deps, { ...common, giveUp: this.stop })))
      throw new ClewError('unavailable', 'Clew is stopping; send again from the last entry.');
  }
}

/** The longest that a timer can wait. */
const foreverMs = 2_147_483_647;

const shown = ({ name, value }: JournalField): string => `${name}=${Buffer.from(value).toString('utf8')}`;

function sendFailure(deps: FrontDeps, error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const mapped = mapError(error, deps.config.bodyBytesMax);
  const status = mapped instanceof ClewError ? mapped.status : 500;
  if (status >= 500 && !(mapped instanceof ClewError))
    deps.log.error({ err: error, route: request.url, trace_id: request.id }, 'journal upload failed');
  if (status === 429 || status === 503) reply.header('retry-after', retryAfterOf(mapped));
  if (status === 401) reply.header('www-authenticate', 'Bearer, Basic realm="clew"');
  sendText(reply, status, publicError(mapped).message);
  readPast(deps, request);
}

/**
 * Closing a connection on which bytes come takes the answer away from a sender that has not read it yet; so what still
 * comes is read past for a moment. A body may go on for ever, so not for longer.
 */
function readPast({ clock }: FrontDeps, request: FastifyRequest): void {
  const { raw } = request;
  if (raw.complete) return;
  raw.on('error', () => undefined).resume();
  void clock.sleep(readPastMs).then(() => {
    if (!raw.complete) raw.destroy();
  });
}

const sendText = (reply: FastifyReply, status: number, text: string): FastifyReply =>
  reply.status(status).type('text/plain; charset=utf-8').send(`${text}\n`);
