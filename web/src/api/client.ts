/**
 * The one way to the server: adds the token, unwraps `{data}`, turns `{error}` into an ApiError, notes what a query
 * cost. Answers are typed by the contract and trusted: they come from our own server of the same release.
 */
import type { Statistics } from './types.ts';

export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly retryable: boolean;
  readonly traceId: string;
  readonly details: Record<string, unknown>;

  constructor(status: number, body: ErrorBody) {
    super(body.message);
    this.name = 'ApiError';
    this.status = status;
    this.code = body.code;
    this.retryable = body.retryable;
    this.traceId = body.trace_id;
    this.details = body.details;
  }
}

interface ErrorBody {
  code: string;
  message: string;
  retryable: boolean;
  trace_id: string;
  details: Record<string, unknown>;
}

export interface Answer<T> {
  data: T;
  cursor?: string | null;
  statistics?: Statistics;
}

/** A query may run 30 s on the server; past that nobody is waiting for an answer any more. */
const requestMsMax = 40_000;
const tokenKey = 'clew.token';

export const readToken = (): string => sessionStorage.getItem(tokenKey) ?? '';
export const writeToken = (token: string): void => sessionStorage.setItem(tokenKey, token);

/** What the last query cost, shown in the footer; and who wants to know. */
const costListeners = new Set<() => void>();
let lastCost: Statistics | null = null;
export const readCost = (): Statistics | null => lastCost;
export function watchCost(listener: () => void): () => void {
  costListeners.add(listener);
  return () => costListeners.delete(listener);
}

function noteCost(statistics: Statistics | undefined): void {
  if (statistics === undefined) return;
  lastCost = statistics;
  for (const listener of costListeners) listener();
}

type ParamValue = string | number | undefined | null | readonly string[];
export type Params = Record<string, ParamValue>;

export function queryString(params: Params): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    for (const part of Array.isArray(value) ? value : [value]) {
      if (part !== undefined && part !== null && part !== '') search.append(key, String(part));
    }
  }
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}

interface RequestOptions {
  method?: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** A status other than 2xx whose body is an answer all the same. */
  alsoOk?: number;
}

async function send(path: string, options: RequestOptions): Promise<Response> {
  const token = readToken();
  const timeout = AbortSignal.timeout(requestMsMax);
  try {
    return await fetch(path, {
      method: options.method ?? 'GET',
      headers: {
        accept: 'application/json',
        ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
        ...options.headers,
      },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      signal: options.signal ? AbortSignal.any([options.signal, timeout]) : timeout,
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    const late = timeout.aborted;
    throw new ApiError(0, {
      code: late ? 'timeout' : 'unreachable',
      message: late ? 'timeout' : 'unreachable',
      retryable: true,
      trace_id: '',
      details: {},
    });
  }
}

async function errorOf(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => '');
  const fallback: ErrorBody = {
    code: `http_${response.status}`,
    message: text.slice(0, 300) || response.statusText,
    retryable: response.status >= 500,
    trace_id: '',
    details: {},
  };
  try {
    const body = JSON.parse(text) as { error?: Partial<ErrorBody> };
    return new ApiError(response.status, { ...fallback, ...body.error });
  } catch {
    return new ApiError(response.status, fallback);
  }
}

export async function request<T>(path: string, options: RequestOptions = {}): Promise<Answer<T>> {
  const response = await send(path, options);
  if (!response.ok && response.status !== options.alsoOk) throw await errorOf(response);
  const answer = (await response.json()) as Answer<T>;
  noteCost(answer.statistics);
  return answer;
}

export async function get<T>(path: string, params: Params, signal?: AbortSignal): Promise<Answer<T>> {
  return request<T>(`/api/v1${path}${queryString(params)}`, signal ? { signal } : {});
}

/** A key that makes a repeated press of the same button one action; works without a secure context too. */
export function newKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, '0')).join('');
}
