import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { type Config, tenantName } from '../config/index.ts';
import { ClewError, type Clock, type Logger, newTraceId, sha256Hex } from '../lib/index.ts';
import { parseYamlFile } from './catalog-file.ts';
import { tokenReloads } from './events.ts';

/** Who sends a request. */
export interface Caller {
  tenant: string;
  /** Came with `auth.token` itself (or none is asked for): may also ask what speaks for the whole server. */
  operator: boolean;
}

export interface CredentialsOptions {
  config: Pick<Config, 'tenant'> & { auth: { token: string; tokensFile?: string } };
  clock: Clock;
  log: Logger;
}

/** Each tenant has a live window and its own turn in every job. */
export const tenantsMax = 64;
const tokensMax = 1_000;
/** A token is sent with every request, so whoever listens for long may guess a short one. */
const tokenCharsMin = 16;
const tokenCharsMax = 512;
const watchMs = 2_000;

const entrySchema = z.strictObject({
  tenant: tenantName,
  /** For people: who has this token. */
  name: z.string().max(200).optional(),
  token: z
    .string()
    .min(tokenCharsMin, `has too few characters; at least ${tokenCharsMin} are needed`)
    .max(tokenCharsMax, `has too many characters; at most ${tokenCharsMax} are allowed`)
    .regex(
      /^[\x21-\x7e]+$/,
      'has a character that no header can carry; use letters, digits and signs of ASCII',
    )
    .optional(),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'is no SHA-256 in 64 lower-case hexadecimal digits')
    .optional(),
});
const fileSchema = z.strictObject({
  tokens: z.array(entrySchema).max(tokensMax, `has too many entries; at most ${tokensMax} tokens are kept`),
});

/** Tokens and the tenant of each: `auth.token`, which stands for `tenant`, and those of `auth.tokens_file`. */
export class Credentials {
  readonly #options: CredentialsOptions;
  /** Keys of the map below can't be foreseen by a sender, so the time of a look-up tells nothing of a token. */
  readonly #salt = newTraceId() + newTraceId();
  readonly #stopping = new AbortController();
  #callers: ReadonlyMap<string, Caller> = new Map();
  #tenants: readonly string[];
  #seen: string | null = null;
  #watching: Promise<void> = Promise.resolve();

  constructor(options: CredentialsOptions) {
    this.#options = options;
    const { auth, tenant } = options.config;
    this.#tenants = [tenant];
    if (auth.token !== '') this.#callers = new Map([[this.#keyOf(sha256Hex(auth.token)), this.#operator]]);
  }

  /** Reads the file of tokens, if there is one. Throws what is wrong with it; what was there before stays then. */
  async load(): Promise<void> {
    const { auth, tenant } = this.#options.config;
    const file = this.#file;
    if (file === '') return;
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      const message = `auth.tokens_file: ${file} can't be read: ${error.message}`;
      throw new ClewError('bad_request', message, { cause: error });
    });
    if (text === this.#seen) return;
    const entries = parseTokens(file, text, auth.token, tenant);
    const callers = new Map<string, Caller>([[this.#keyOf(sha256Hex(auth.token)), this.#operator]]);
    for (const entry of entries)
      callers.set(this.#keyOf(entry.sha256), { tenant: entry.tenant, operator: false });
    this.#callers = callers;
    this.#tenants = [...new Set([tenant, ...entries.map((entry) => entry.tenant)])];
    this.#seen = text;
  }

  /** Looks at the file every two seconds: a token that is taken out is refused from then on. */
  watch(): void {
    if (this.#file !== '') this.#watching = this.#watch();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#watching;
  }

  /** Of the header `Authorization: Bearer <token>`. Throws `unauthenticated`. */
  callerOf(authorization: string): Caller {
    if (this.#options.config.auth.token === '') return this.#operator;
    const token = /^bearer +(\S+)$/i.exec(authorization)?.[1];
    const caller = token === undefined ? undefined : this.#callers.get(this.#keyOf(sha256Hex(token)));
    if (caller !== undefined) return caller;
    const known = this.#file === '' ? 'auth.token' : 'auth.token, or one of auth.tokens_file';
    throw new ClewError(
      'unauthenticated',
      `Send the header "Authorization: Bearer <token>" with the token of ${known}.`,
    );
  }

  /** Every tenant that has a token; that of `auth.token` first. */
  tenants(): readonly string[] {
    return this.#tenants;
  }

  get #file(): string {
    return this.#options.config.auth.tokensFile ?? '';
  }

  get #operator(): Caller {
    return { tenant: this.#options.config.tenant, operator: true };
  }

  #keyOf(digest: string): string {
    return sha256Hex(this.#salt + digest);
  }

  async #watch(): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#stopping;
    for (;;) {
      await clock.sleep(watchMs, signal);
      if (signal.aborted) return;
      const before = this.#callers;
      try {
        await this.load();
        if (before === this.#callers) continue;
        tokenReloads.inc({ result: 'done' });
        log.info({ tokens: this.#callers.size, tenants: this.#tenants.length }, 'tokens were read again');
      } catch (error) {
        tokenReloads.inc({ result: 'failed' });
        log.error({ err: error }, 'tokens were not read again; the former ones stay');
      }
    }
  }
}

/** Entries of a tokens file with the digest of each. The error names file, line and field, never a token. */
export function parseTokens(
  source: string,
  text: string,
  operatorToken: string,
  operatorTenant: string,
): { tenant: string; sha256: string }[] {
  const { value, wrong } = parseYamlFile({ source, text }, fileSchema);
  const firstOf = new Map([[sha256Hex(operatorToken), 'auth.token']]);
  const tenants = new Set([operatorTenant]);
  return value.tokens.map(({ tenant, token, sha256: given }, index) => {
    const path = ['tokens', index];
    if ((token === undefined) === (given === undefined))
      throw wrong(path, 'give either token or sha256, the digest of one');
    const digest = given ?? sha256Hex(token ?? '');
    const first = firstOf.get(digest);
    if (first !== undefined)
      throw wrong(path, `is the same token as ${first}; each can stand for one tenant`);
    firstOf.set(digest, `tokens.${index}`);
    tenants.add(tenant);
    if (tenants.size > tenantsMax)
      throw wrong([...path, 'tenant'], `is one tenant too many; at most ${tenantsMax} are served`);
    return { tenant, sha256: digest };
  });
}
