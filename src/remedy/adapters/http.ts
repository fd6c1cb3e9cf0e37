import { z } from 'zod';
import { maskSecrets, maskValues } from '../mask.ts';
import type { Adapter, AdapterResult, StepContext } from './adapter.ts';
import { checkOrigin } from './allow.ts';

/** Body of an answer that is kept. */
const answerBytesMax = 16_384;
/** Redirects within the same origin; more is a loop. */
const redirectsMax = 3;

const status = z.number().int().min(100).max(599);
const paramsSchema = z.strictObject({
  method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']).default('POST'),
  url: z.string().min(1).max(8_192),
  json: z.unknown().optional(),
  headers: z.record(z.string().regex(/^[A-Za-z0-9-]{1,100}$/), z.string().max(8_192)).default({}),
  expect_status: z.union([status, z.array(status).min(1)]).optional(),
});
type Params = z.infer<typeof paramsSchema>;

export interface HttpOptions {
  allow: readonly string[];
}

/** Calls an allow-listed address. Another origin is never reached, not by a redirect either. */
export function httpRequest(options: HttpOptions): Adapter {
  const parse = (params: Record<string, unknown>): Params | string[] => {
    const parsed = paramsSchema.safeParse(params);
    if (!parsed.success)
      return parsed.error.issues.map((issue) => `params.${issue.path.join('.')}: ${issue.message}`);
    const problem = checkOrigin(parsed.data.url, options.allow);
    return problem === null ? parsed.data : [problem];
  };
  return {
    action: 'http.request',
    check: (params) => {
      const parsed = parse(params);
      return Array.isArray(parsed) ? parsed : [];
    },
    run: async (params, context) => {
      const parsed = parse(params);
      if (Array.isArray(parsed)) return { ok: false, output: {}, error: parsed.join('; ') };
      return call(parsed, options.allow, context);
    },
  };
}

/** One call, judged by its status. Shared with the gateway adapter. */
export async function call(
  params: Params,
  allow: readonly string[],
  context: StepContext,
): Promise<AdapterResult> {
  try {
    const answer = await send(params, allow, context);
    const text = await readBounded(answer);
    const output = {
      status: answer.status,
      body: bodyOf(text.text),
      ...(text.dropped > 0 ? { body_dropped_bytes: text.dropped } : {}),
    };
    if (expected(params.expect_status, answer.status)) return { ok: true, output };
    return { ok: false, output, error: `${params.method} ${params.url} answered ${answer.status}` };
  } catch (error) {
    if (context.signal.aborted) return { ok: false, output: {}, error: 'stopped before it was answered' };
    return { ok: false, output: {}, error: maskSecrets(reasonOf(error)) };
  }
}

async function send(params: Params, allow: readonly string[], context: StepContext): Promise<Response> {
  let url = params.url;
  for (let redirects = 0; ; redirects++) {
    const answer = await fetch(url, {
      method: params.method,
      redirect: 'manual',
      signal: context.signal,
      headers: {
        ...(params.json === undefined ? {} : { 'content-type': 'application/json' }),
        ...params.headers,
        'idempotency-key': context.idempotencyKey,
      },
      ...(params.json === undefined ? {} : { body: JSON.stringify(params.json) }),
    });
    const location = answer.headers.get('location');
    // 307 and 308 keep method and body; the others would change what was approved and are judged as they are.
    if ((answer.status !== 307 && answer.status !== 308) || location === null) return answer;
    await answer.body?.cancel();
    const next = new URL(location, url);
    if (next.origin !== new URL(url).origin || checkOrigin(next.href, allow) !== null)
      throw new Error(`${url} redirects to ${next.origin}, another origin; that is not followed`);
    if (redirects >= redirectsMax) throw new Error(`${params.url} redirects more than ${redirectsMax} times`);
    url = next.href;
  }
}

const expected = (wanted: Params['expect_status'], got: number): boolean =>
  wanted === undefined
    ? got >= 200 && got < 300
    : Array.isArray(wanted)
      ? wanted.includes(got)
      : wanted === got;

async function readBounded(answer: Response): Promise<{ text: string; dropped: number }> {
  if (!answer.body) return { text: '', dropped: 0 };
  const chunks: Uint8Array[] = [];
  let kept = 0;
  let dropped = 0;
  const reader = answer.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const take = Math.min(part.value.length, answerBytesMax - kept);
    if (take > 0) chunks.push(part.value.subarray(0, take));
    kept += take;
    dropped += part.value.length - take;
    // An endless answer must not hold the step until its timeout.
    if (dropped > answerBytesMax * 64) {
      await reader.cancel();
      break;
    }
  }
  return { text: Buffer.concat(chunks).toString('utf8'), dropped };
}

function bodyOf(text: string): unknown {
  try {
    return maskValues(JSON.parse(text));
  } catch {
    return maskSecrets(text);
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
