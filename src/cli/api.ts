/** The API of a running Clew, as the commands ask it. */
import { ClewError } from '../lib/index.ts';

export interface ApiAddress {
  /** Where Clew listens, without a slash at the end. */
  url: string;
  /** '' when none is needed. */
  token: string;
}

const requestMsMax = 120_000;

/** The answer to GET, to POST where there is a body, or to another method that is named. Throws with Clew's own words where it refuses. */
export async function callApi<T>(
  { url, token }: ApiAddress,
  path: string,
  body?: object,
  method?: 'DELETE',
): Promise<T> {
  if (!/^https?:\/\/[^/]/.test(url) || !URL.canParse(url))
    throw new ClewError('bad_request', `--url is "${url}"; write it like http://127.0.0.1:8080.`);
  let response: Response;
  try {
    response = await fetch(`${url}/api/v1${path}`, {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: {
        ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(requestMsMax),
    });
  } catch (error) {
    throw new ClewError('unavailable', `Clew does not answer at ${url}; start it, or give --url.`, {
      cause: error,
    });
  }
  const answer = await jsonOf<T & { error?: { message: string } }>(response, url);
  if (response.ok) return answer;
  if (response.status === 401)
    throw new ClewError(
      'unauthenticated',
      `${url} refused the token${token === '' ? ', for there is none' : ''}; set CLEW_AUTH_TOKEN.`,
    );
  const refused = response.status >= 400 && response.status < 500;
  throw new ClewError(
    refused ? 'bad_request' : 'unavailable',
    answer.error?.message ?? `Clew answered ${response.status}.`,
  );
}

async function jsonOf<T>(response: Response, url: string): Promise<T> {
  try {
    return (await response.json()) as T;
  } catch (cause) {
    const type = response.headers.get('content-type') ?? 'no content type';
    throw new ClewError(
      'unavailable',
      `${url} answers ${response.status} with ${type}, which is not Clew's API; give the address of Clew with --url.`,
      { cause },
    );
  }
}
