import { readFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { Credentials, Job } from './config.ts';
import { stampOf } from './discovery.ts';
import type { Format } from './exposition.ts';
import type { Target } from './target.ts';

export interface Fetched {
  body: Buffer;
  format: Format;
}

const accept =
  'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.1';
/** As many as Go's client follows. */
const redirectsMax = 10;
/** Idle connections kept to one host; a target is asked by one request at a time. */
const idleSocketsMax = 2;
const unzip = promisify(gunzip);

/** Asks the targets of one job over HTTP. */
export class Fetcher {
  private readonly job: Job;
  private readonly bodyBytesMax: number;
  private readonly plain = new http.Agent({ keepAlive: true, maxFreeSockets: idleSocketsMax });
  private secure: https.Agent | undefined;
  private secureStamp = '';

  constructor(job: Job, bodyBytesMax: number) {
    this.job = job;
    this.bodyBytesMax = job.limits.bodyBytes > 0 ? job.limits.bodyBytes : bodyBytesMax;
  }

  /** Throws an Error whose message is for the operator. */
  async fetch(target: Target, signal: AbortSignal): Promise<Fetched> {
    const headers = await this.headers(target);
    let url = target.url;
    for (let redirects = 0; ; redirects++) {
      const answer = await this.request(url, headers, signal);
      const { statusCode = 0, statusMessage = '', headers: got } = answer;
      const location = this.job.followRedirects ? got.location : undefined;
      if (statusCode >= 300 && statusCode < 400 && location !== undefined) {
        answer.resume();
        if (redirects >= redirectsMax) throw new Error(`stopped after ${redirectsMax} redirects`);
        const next = new URL(location, url);
        // Credentials are for the target that was configured.
        if (next.origin !== url.origin) delete headers.authorization;
        url = next;
        continue;
      }
      if (statusCode !== 200) {
        answer.resume();
        throw new Error(`server returned HTTP status ${statusCode} ${statusMessage}`.trimEnd());
      }
      const body = await this.body(answer);
      return { body, format: formatOf(got['content-type'] ?? '') };
    }
  }

  close(): void {
    this.plain.destroy();
    this.secure?.destroy();
  }

  private async headers(target: Target): Promise<Record<string, string>> {
    const { credentials, compression } = this.job;
    return {
      accept,
      'accept-encoding': compression ? 'gzip' : 'identity',
      'user-agent': 'Clew',
      'x-prometheus-scrape-timeout-seconds': String(target.timeoutMs / 1000),
      ...(credentials === undefined ? {} : { authorization: await authorizationOf(credentials) }),
    };
  }

  private async request(
    url: URL,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<http.IncomingMessage> {
    const isSecure = url.protocol === 'https:';
    const agent = isSecure ? await this.secureAgent() : this.plain;
    const once = () =>
      new Promise<http.IncomingMessage>((resolve, reject) => {
        const request = (isSecure ? https : http).get(url, { agent, headers, signal }, resolve);
        request.on('error', (error) =>
          reject(Object.assign(error, { isStaleSocket: request.reusedSocket && isReset(error) })),
        );
      });
    try {
      return await once();
    } catch (error) {
      // The target closed the kept connection just as we wrote to it.
      if (error instanceof Error && 'isStaleSocket' in error && error.isStaleSocket === true)
        return await once();
      throw error;
    }
  }

  private async secureAgent(): Promise<https.Agent> {
    const { caFile, certFile, keyFile, serverName, insecureSkipVerify } = this.job.tls;
    const files = [caFile, certFile, keyFile];
    const stamp = (await Promise.all(files.map((file) => (file === '' ? '' : stampOf(file))))).join();
    if (this.secure !== undefined && this.secureStamp === stamp) return this.secure;
    const read = async (file: string) => (file === '' ? undefined : await readFile(file));
    const [ca, cert, key] = await Promise.all(files.map(read));
    this.secure?.destroy();
    this.secureStamp = stamp;
    this.secure = new https.Agent({
      keepAlive: true,
      maxFreeSockets: idleSocketsMax,
      rejectUnauthorized: !insecureSkipVerify,
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(serverName === '' ? {} : { servername: serverName }),
    });
    return this.secure;
  }

  private async body(answer: http.IncomingMessage): Promise<Buffer> {
    const limit = this.bodyBytesMax;
    const setting = this.job.limits.bodyBytes > 0 ? 'body_size_limit' : 'scrape.body_bytes_max';
    const tooLarge = () => new Error(`the answer is larger than ${limit} bytes (${setting})`);
    const parts: Buffer[] = [];
    let bytes = 0;
    for await (const part of answer) {
      bytes += part.length;
      if (bytes > limit) {
        answer.destroy();
        throw tooLarge();
      }
      parts.push(part);
    }
    const body = Buffer.concat(parts);
    if (answer.headers['content-encoding'] !== 'gzip') return body;
    try {
      return await unzip(body, { maxOutputLength: limit });
    } catch (error) {
      if (error instanceof RangeError) throw tooLarge();
      throw new Error(`the answer is not valid gzip: ${error instanceof Error ? error.message : error}`);
    }
  }
}

const isReset = (error: Error): boolean =>
  'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');

async function authorizationOf(credentials: Credentials): Promise<string> {
  const { scheme, name, secret, secretFile } = credentials;
  const text = secretFile === '' ? secret : (await readFile(secretFile, 'utf8')).trim();
  return scheme === 'basic'
    ? `Basic ${Buffer.from(`${name}:${text}`).toString('base64')}`
    : `${name} ${text}`;
}

/** What is not announced as OpenMetrics is read as text, for many exporters announce nothing. */
const formatOf = (contentType: string): Format =>
  contentType.split(';')[0]?.trim().toLowerCase() === 'application/openmetrics-text' ? 'openmetrics' : 'text';
