import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { configKeys, loadConfig, requireCredentialsBeyondLoopback } from './index.ts';

const folders: string[] = [];
function yamlFile(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'clew-config-'));
  folders.push(folder);
  const file = join(folder, 'clew.yaml');
  writeFileSync(file, text);
  return file;
}
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

test('a flag wins over the environment, the environment over the file, the file over the default', () => {
  const file = yamlFile('http:\n  port: 1001\notlp_http:\n  port: 1002\ndata_dir: /from/file\n');
  const config = loadConfig({
    file,
    env: { CLEW_HTTP_PORT: '2001', CLEW_OTLP_HTTP_PORT: '2002' },
    flags: { 'http-port': '3001' },
  });
  expect(config.http.port).toBe(3001);
  expect(config.otlpHttp.port).toBe(2002);
  expect(config.dataDir).toBe('/from/file');
  expect(config.http.host).toBe('127.0.0.1');
});

test('a secret may come from a file named by CLEW_…_FILE', () => {
  const file = yamlFile('s3cret\n');
  expect(loadConfig({ env: { CLEW_AUTH_TOKEN_FILE: file }, flags: {} }).auth.token).toBe('s3cret');
});

test.each([
  ['an unknown key of the file', { file: () => yamlFile('htp:\n  port: 1\n'), env: {}, flags: {} }, /htp/],
  ['an unknown environment name', { env: { CLEW_HTP_PORT: '1' }, flags: {} }, /CLEW_HTP_PORT/],
  ['an unknown flag', { env: {}, flags: { 'htp-port': '1' } }, /--htp-port/],
  [
    'a value out of range',
    { env: { CLEW_HTTP_PORT: '70000' }, flags: {} },
    /http\.port.*CLEW_HTTP_PORT or --http-port/,
  ],
  ['a file that does not exist', { file: () => '/nowhere/clew.yaml', env: {}, flags: {} }, /nowhere/],
  ['a file that is not YAML', { file: () => yamlFile('a: [1'), env: {}, flags: {} }, /can't be read/],
])('%s is refused by its name', (_, sources, message) => {
  const { file, ...rest } = sources as {
    file?: () => string;
    env: Record<string, string>;
    flags: Record<string, string>;
  };
  expect(() => loadConfig({ ...rest, ...(file ? { file: file() } : {}) })).toThrow(message);
});

test('every key has a description and three names', () => {
  const keys = configKeys();
  expect(keys.length).toBeGreaterThan(20);
  for (const key of keys) {
    expect(key.description, key.yaml).not.toBe('');
    expect(key.fallback, key.yaml).not.toBeUndefined();
    expect(key.env).toBe(`CLEW_${key.flag.toUpperCase().replaceAll('-', '_')}`);
  }
  expect(new Set(keys.map((key) => key.env)).size).toBe(keys.length);
});

test('beyond loopback Clew asks for credentials', () => {
  for (const key of ['CLEW_HTTP_HOST', 'CLEW_OTLP_HTTP_HOST', 'CLEW_OTLP_GRPC_HOST']) {
    const open = loadConfig({ env: { [key]: '0.0.0.0' }, flags: {} });
    expect(() => requireCredentialsBeyondLoopback(open), key).toThrow(/auth\.token/);
  }
  const guarded = loadConfig({ env: { CLEW_HTTP_HOST: '0.0.0.0', CLEW_AUTH_TOKEN: 'x' }, flags: {} });
  expect(() => requireCredentialsBeyondLoopback(guarded)).not.toThrow();
  expect(() => requireCredentialsBeyondLoopback(loadConfig({ env: {}, flags: {} }))).not.toThrow();
});

test.each([
  [
    { flags: { 'http-port': 'abc' } },
    'http.port is "abc": Invalid input: expected number (set by http.port, CLEW_HTTP_PORT or --http-port)',
  ],
  [{ env: { CLEW_HTTP_PORT: '99999' } }, 'http.port is "99999": Too big: expected number to be <=65535'],
  [{ flags: { 'http.port': '1' } }, 'Flag --http.port is not a setting of Clew. Did you mean --http-port?'],
  [{ flags: { zebra: '1' } }, 'Flag --zebra is not a setting of Clew.'],
  [
    { env: { CLEW_HTTP_PROT: '1' } },
    'Environment variable CLEW_HTTP_PROT is not a setting of Clew. Did you mean CLEW_HTTP_PORT?',
  ],
  [{ yaml: 'htp:\n  port: 1\n' }, 'htp is not a setting of Clew. Did you mean http?'],
  [{ yaml: 'http:\n  prot: 1\n' }, 'http.prot is not a setting of Clew. Did you mean http.port?'],
  [
    { yaml: ': : {\n' },
    "can't be read: Nested mappings are not allowed in compact mappings at line 1, column 3.",
  ],
])('a wrong setting is refused with its name, its value and what was meant: %j', (given, message) => {
  const { yaml, env = {}, flags = {} } = given as { yaml?: string; env?: object; flags?: object };
  const file = yaml === undefined ? {} : { file: yamlFile(yaml) };
  expect(() => loadConfig({ env: { ...env }, flags: { ...flags }, ...file })).toThrow(message);
});

test('a secret that is not valid is not repeated', () => {
  const file = yamlFile('auth:\n  token: [very-secret]\n');
  const load = () => loadConfig({ file, env: {}, flags: {} });
  expect(load).toThrow(/auth\.token: /);
  expect(load).not.toThrow(/very-secret/);
});
