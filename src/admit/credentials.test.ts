import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createLogger, sha256Hex, systemClock } from '../lib/index.ts';
import { Credentials } from './credentials.ts';

const log = createLogger({ level: 'silent' });
const operator = 'the-operators-own-token';
const ofShop = 'shop-token-0123456789';
const ofBank = 'bank-token-0123456789';
let dir = '';
let file = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'clew-tokens-'));
  file = join(dir, 'tokens.yaml');
});
afterAll(() => rmSync(dir, { recursive: true }));

const made = (token = operator, tokensFile = file) =>
  new Credentials({ config: { tenant: 'home', auth: { token, tokensFile } }, clock: systemClock, log });
const good = `tokens:
  - { tenant: shop, token: ${ofShop}, name: collectors of the shop }
  - { tenant: bank, sha256: ${sha256Hex(ofBank)} }
`;

it('knows the tenant of each token, in clear or as digest, and that of the operator', async () => {
  writeFileSync(file, good);
  const credentials = made();
  await credentials.load();
  expect(credentials.callerOf(`Bearer ${ofShop}`)).toEqual({ tenant: 'shop', operator: false });
  expect(credentials.callerOf(`bearer ${ofBank}`)).toEqual({ tenant: 'bank', operator: false });
  expect(credentials.callerOf(`Bearer ${operator}`)).toEqual({ tenant: 'home', operator: true });
  expect(credentials.tenants()).toEqual(['home', 'shop', 'bank']);
});

it.each([
  '',
  'Bearer',
  `Bearer ${ofShop}x`,
  `Bearer ${sha256Hex(ofBank)}`,
  ofShop,
  `Digest ${ofShop}`,
  'Bearer  ',
])('refuses the header %j', async (header) => {
  writeFileSync(file, good);
  const credentials = made();
  await credentials.load();
  expect(() => credentials.callerOf(header)).toThrow(
    'Send the header "Authorization: Bearer <token>" with the token of auth.token, or one of auth.tokens_file.',
  );
});

it('asks nobody for a token where there is none', () => {
  expect(made('', '').callerOf('')).toEqual({ tenant: 'home', operator: true });
});

const many = (entries: number, tenants: number) =>
  `tokens:\n${Array.from({ length: entries }, (_, at) => `- {tenant: t${at % tenants}, sha256: ${sha256Hex(`${at}`)}}`).join('\n')}`;
it.each([
  ['no YAML', 'tokens: [', /tokens\.yaml:1: not YAML/],
  ['an unknown key of the file', 'tokenz: []', /tokens\.yaml:1: tokens: /],
  ['an unknown key beside the tokens', 'tokens: []\nusers: []', /tokens\.yaml:1: \(file\): .*"users"/],
  [
    'an unknown key of an entry',
    `tokens:\n- {tenant: a, token: ${ofShop}, role: admin}`,
    /tokens\.yaml:2: tokens\.0: .*"role"/,
  ],
  ['an entry without a tenant', `tokens:\n- {token: ${ofShop}}`, /tokens\.yaml:2: tokens\.0\.tenant: /],
  [
    'a bad name of a tenant',
    `tokens:\n- {tenant: "A b", token: ${ofShop}}`,
    /tokens\.yaml:2: tokens\.0\.tenant: must be lower-case letters, digits, - and _, at most 63/,
  ],
  [
    'a short token',
    'tokens:\n- {tenant: a, token: hunter2}',
    /tokens\.yaml:2: tokens\.0\.token: has too few characters; at least 16 are needed/,
  ],
  [
    'a long token',
    `tokens:\n- {tenant: a, token: ${'x'.repeat(513)}}`,
    /tokens\.0\.token: has too many characters; at most 512/,
  ],
  [
    'a token that no header carries',
    'tokens:\n- {tenant: a, token: "0123456789 0123456789"}',
    /tokens\.0\.token: has a character that no header can carry/,
  ],
  [
    'a digest that is none',
    `tokens:\n- {tenant: a, sha256: ${sha256Hex('a').toUpperCase()}}`,
    /tokens\.0\.sha256: is no SHA-256/,
  ],
  ['neither token nor digest', 'tokens:\n- {tenant: a}', /tokens\.0: give either token or sha256/],
  [
    'token and digest',
    `tokens:\n- {tenant: a, token: ${ofShop}, sha256: ${sha256Hex(ofShop)}}`,
    /tokens\.0: give either token or sha256/,
  ],
  [
    'a token twice',
    `tokens:\n- {tenant: a, token: ${ofShop}}\n- {tenant: b, sha256: ${sha256Hex(ofShop)}}`,
    /tokens\.yaml:3: tokens\.1: is the same token as tokens\.0; each can stand for one tenant/,
  ],
  [
    'the operator’s token',
    `tokens:\n- {tenant: a, token: ${operator}}`,
    /tokens\.0: is the same token as auth\.token/,
  ],
  ['too many tokens', many(1_001, 3), /tokens: has too many entries; at most 1000 tokens are kept/],
  ['too many tenants', many(64, 64), /tokens\.63\.tenant: is one tenant too many; at most 64 are served/],
])(
  'refuses a file with %s, naming file, entry and limit, and never a token',
  async (_what, text, message) => {
    writeFileSync(file, text);
    const failure = await made()
      .load()
      .catch((error: Error) => error);
    expect(String(failure)).toMatch(message);
    for (const secret of [operator, ofShop, 'hunter2']) expect(String(failure)).not.toContain(secret);
  },
);

it('says which file can’t be read', async () => {
  await expect(made(operator, join(dir, 'absent.yaml')).load()).rejects.toThrow(
    /auth\.tokens_file: .*absent\.yaml can't be read: ENOENT/,
  );
});

it('takes up a changed file, and keeps the former tokens while it is wrong', async () => {
  writeFileSync(file, good);
  const credentials = made();
  await credentials.load();
  writeFileSync(file, 'tokens: [{tenant: A}]');
  await expect(credentials.load()).rejects.toThrow('tokens.0.tenant');
  expect(credentials.callerOf(`Bearer ${ofShop}`).tenant).toBe('shop');
  writeFileSync(file, `tokens: [{tenant: bank, token: ${ofBank}}]`);
  await credentials.load();
  expect(credentials.callerOf(`Bearer ${ofBank}`).tenant).toBe('bank');
  expect(() => credentials.callerOf(`Bearer ${ofShop}`)).toThrow('Send the header');
  expect(credentials.tenants()).toEqual(['home', 'bank']);
});
