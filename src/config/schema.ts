import { isIP } from 'node:net';
import { z } from 'zod';
import { connectionsSchema } from './connections.ts';
import { ledgerSchema } from './ledger.ts';
import { limitsSchema, readySchema } from './limits.ts';
import { patternsSchema } from './patterns.ts';
import { roleNames } from './roles.ts';
import { rollupSchema } from './rollup.ts';
import { listenerTenant, tenantName } from './tenant.ts';
import { topologySchema } from './topology.ts';

/**
 * Every setting of Clew, once. Keys are camelCase here, snake_case in `clew.yaml`, CLEW_UPPER_SNAKE in the
 * environment and --kebab-case on the command line; all three are derived from this object.
 */
const port = (fallback: number) => z.coerce.number().int().min(0).max(65535).default(fallback);
const flag = (fallback: boolean) =>
  z
    .preprocess(
      (value) =>
        value === 'true' || value === '1' ? true : value === 'false' || value === '0' ? false : value,
      z.boolean(),
    )
    .default(fallback);
const splitList = (value: unknown): unknown =>
  typeof value === 'string'
    ? value
        .split(',')
        .map((part) => part.trim())
        .filter(Boolean)
    : value;
const list = z.preprocess(splitList, z.array(z.string()));

/** Keys of a listener that is off until it is enabled. */
const listener = (fallback: number, what: string) => ({
  enabled: flag(false).describe(`Whether Clew receives ${what}.`),
  host: z.string().default('127.0.0.1').describe(`Address of ${what}.`),
  port: port(fallback).describe(`Port of ${what}; 0 picks a free one.`),
});
const isNetwork = (text: string): boolean => {
  const [address = '', prefix, ...rest] = text.split('/');
  const bits = isIP(address) === 6 ? 128 : 32;
  if (isIP(address) === 0 || rest.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits);
};
const isTimeZone = (name: string): boolean => {
  if (name === 'local') return true;
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: name }) !== undefined;
  } catch {
    return false;
  }
};

export const configSchema = z.strictObject({
  dataDir: z
    .string()
    .min(1)
    .default('./clew-data')
    .describe('Directory of the embedded stores and the write-ahead segments.'),
  mock: flag(false).describe(
    'Whether the window jobs work on made-up logs, metrics and spans instead of what was received, for every tenant.',
  ),
  roles: z
    .preprocess(splitList, z.array(z.enum([...roleNames, 'all'])).min(1))
    .default(['all'])
    .describe(
      'What this process does: all, or ingest in one process and query,worker in another one with the same data_dir.',
    ),
  http: z
    .strictObject({
      host: z
        .string()
        .default('127.0.0.1')
        .describe('Address of the API and the console. Anything but loopback needs auth.token.'),
      port: port(8080).describe('Port of the API and the console; 0 picks a free one.'),
    })
    .prefault({}),
  otlpHttp: z
    .strictObject({
      host: z.string().default('127.0.0.1').describe('Address of the OTLP/HTTP receiver.'),
      port: port(4318).describe('Port of the OTLP/HTTP receiver; 0 picks a free one.'),
    })
    .prefault({}),
  otlpGrpc: z
    .strictObject({
      host: z.string().default('127.0.0.1').describe('Address of the OTLP/gRPC receiver.'),
      port: port(4317).describe('Port of the OTLP/gRPC receiver; 0 picks a free one.'),
    })
    .prefault({}),
  connections: connectionsSchema,
  syslog: z
    .strictObject({
      tcp: z.strictObject(listener(1514, 'syslog over TCP')).prefault({}),
      udp: z.strictObject(listener(1514, 'syslog over UDP')).prefault({}),
      tls: z
        .strictObject({
          ...listener(6514, 'syslog over TLS'),
          certFile: z.string().default('').describe('PEM file of the certificate shown to syslog senders.'),
          keyFile: z.string().default('').describe('PEM file of the key of that certificate.'),
          clientCaFile: z
            .string()
            .default('')
            .describe(
              'PEM file of the authority whose certificates senders must show; empty: none is asked for.',
            ),
        })
        .prefault({}),
      tenant: listenerTenant('syslog messages'),
      allow: list
        .pipe(z.array(z.string().refine(isNetwork, 'is no address and no network such as 10.0.0.0/8')))
        .default([])
        .describe(
          'Networks (CIDR) that may send syslog, besides loopback. Syslog carries no token, so listening beyond loopback needs this list.',
        ),
      timeZone: z
        .string()
        .refine(isTimeZone, 'is no name of the IANA time zone database, nor "local"')
        .default('local')
        .describe('Zone of syslog times that carry none: an IANA name such as Europe/Berlin, or local.'),
      messageBytesMax: z.coerce
        .number()
        .int()
        .min(480)
        .default(65_536)
        .describe('Longest syslog message taken, bytes; longer ones are cut and marked.'),
      connectionsMax: z.coerce
        .number()
        .int()
        .min(1)
        .default(512)
        .describe('Open connections of syslog senders per listener; further ones are refused.'),
      idleS: z.coerce
        .number()
        .int()
        .min(1)
        .max(2_000_000)
        .default(86_400)
        .describe('A syslog connection without a byte for so long is closed, seconds.'),
      bufferBytesMax: z.coerce
        .number()
        .int()
        .min(1_048_576)
        .default(16_777_216)
        .describe(
          'Syslog bytes waiting in memory; beyond, TCP and TLS senders are not read and datagrams are dropped.',
        ),
    })
    .prefault({}),
  auth: z
    .strictObject({
      token: z
        .string()
        .default('')
        .describe(
          'Bearer token that every request must carry; needed when listening beyond loopback. It stands for tenant and may ask what concerns the whole server. May come from CLEW_AUTH_TOKEN_FILE.',
        ),
      tokensFile: z
        .string()
        .default('')
        .describe(
          'YAML file with further tokens and the tenant of each; read again when it changes. Needs auth.token.',
        ),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z
        .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
        .default('info')
        .describe('Least severity of our own log.'),
    })
    .prefault({}),
  tenant: tenantName
    .default('default')
    .describe('Tenant of auth.token, and of telemetry and requests that carry no token.'),
  ingest: z
    .strictObject({
      bodyBytesMax: z.coerce
        .number()
        .int()
        .min(1024)
        .default(33_554_432)
        .describe('Largest request body accepted from a sender, after decompression, bytes.'),
      attributeBytesMax: z.coerce
        .number()
        .int()
        .min(64)
        .default(65_536)
        .describe('Longest attribute value kept, bytes; longer ones are cut and marked.'),
      bodyFieldBytesMax: z.coerce
        .number()
        .int()
        .min(64)
        .default(1_048_576)
        .describe('Longest log body kept, bytes; longer ones are cut and marked.'),
      pendingBytesMax: z.coerce
        .number()
        .int()
        .min(1_048_576)
        .default(536_870_912)
        .describe('Bytes waiting on disk to be inserted before senders are answered 429.'),
      diskFreeBytesMin: z.coerce
        .number()
        .int()
        .min(0)
        .default(268_435_456)
        .describe('Free bytes of the disk below which senders are answered 503, so that it never runs full.'),
      clockSkewS: z.coerce
        .number()
        .int()
        .min(1)
        .default(86_400)
        .describe(
          'How far in the future a timestamp may lie, seconds; later ones are set to the time of receipt and marked.',
        ),
      segmentRowsMax: z.coerce
        .number()
        .int()
        .min(1)
        .default(100_000)
        .describe('Rows after which a write-ahead segment is closed and inserted.'),
      segmentAgeMs: z.coerce
        .number()
        .int()
        .min(50)
        .default(1_000)
        .describe('Age after which a non-empty segment is closed and inserted, milliseconds.'),
    })
    .prefault({}),
  limits: limitsSchema,
  ready: readySchema,
  flow: z
    .strictObject({
      enabled: flag(false).describe('Whether NetFlow, IPFIX and sFlow are received.'),
      host: z
        .string()
        .default('127.0.0.1')
        .describe('Address of the flow ports. Anything but loopback needs flow.exporters_allow.'),
      netflowPort: port(2055).describe('UDP port for NetFlow 5 and 9; every flow port takes every version.'),
      ipfixPort: port(4739).describe('UDP and TCP port for IPFIX.'),
      sflowPort: port(6343).describe('UDP port for sFlow 5.'),
      tenant: listenerTenant('flows'),
      exportersAllow: list
        .default([])
        .describe(
          'Addresses and CIDR ranges of the exporters that may send; empty: this machine alone. Others are counted and dropped.',
        ),
    })
    .prefault({}),
  scrape: z
    .strictObject({
      configFile: z
        .string()
        .default('')
        .describe(
          'File with scrape_configs in the syntax of Prometheus, an existing prometheus.yml too; empty: nothing is scraped.',
        ),
      tenant: listenerTenant('scraped series'),
      targetsMax: z.coerce
        .number()
        .int()
        .min(1)
        .default(2_000)
        .describe('Most targets scraped; further ones are not, and /healthz says so.'),
      bodyBytesMax: z.coerce
        .number()
        .int()
        .min(1024)
        .default(67_108_864)
        .describe('Largest answer of a target whose job has no body_size_limit, bytes, decompressed.'),
      seriesBytesMax: z.coerce
        .number()
        .int()
        .min(1_048_576)
        .default(268_435_456)
        .describe(
          'Memory for the series of all targets, bytes (some 1 300 a series); a scrape beyond it fails.',
        ),
      keptBytesMax: z.coerce
        .number()
        .int()
        .min(1_048_576)
        .default(67_108_864)
        .describe('Scrapes kept while the store is full, bytes; then the oldest are lost and counted.'),
    })
    .prefault({}),
  masking: z
    .strictObject({
      enabled: flag(true).describe('Whether secrets and personal data are hidden before anything is stored.'),
      rulesOff: list.default([]).describe('Masking rules that are not applied; names as in catalog/masking.'),
      rulesOn: list
        .default([])
        .describe('Masking rules to apply that are off by default, as cn_identity_15.'),
      hashKey: z
        .string()
        .default('')
        .describe(
          'Key of the hash by which rules with `replace: hash` replace a value. May come from CLEW_MASKING_HASH_KEY_FILE.',
        ),
    })
    .prefault({}),
  query: z
    .strictObject({
      timeMsMax: z.coerce
        .number()
        .int()
        .min(100)
        .default(30_000)
        .describe('Longest run of one query, milliseconds.'),
      bytesReadMax: z.coerce
        .number()
        .int()
        .min(1_048_576)
        .default(8_589_934_592)
        .describe('Most bytes that one query may read.'),
      rowsResultMax: z.coerce
        .number()
        .int()
        .min(1)
        .default(100_000)
        .describe('Most rows that one query may return.'),
      windowSMax: z.coerce
        .number()
        .int()
        .min(60)
        .default(2_678_400)
        .describe('Longest time window that one query may ask for, seconds (31 days).'),
    })
    .prefault({}),
  ledger: ledgerSchema(list),
  rollup: rollupSchema,
  topology: topologySchema(list),
  patterns: patternsSchema,
  detect: z
    .strictObject({
      enabled: flag(true).describe('Whether this process evaluates objectives and anomalies.'),
      intervalMs: z.coerce
        .number()
        .int()
        .min(500)
        .default(5_000)
        .describe('Time between two evaluations, milliseconds.'),
      baselineS: z.coerce
        .number()
        .int()
        .min(30)
        .default(1_800)
        .describe('Length of the baseline before an incident, seconds; what exists of it is used.'),
    })
    .prefault({}),
  cases: z
    .strictObject({
      automatic: flag(true).describe(
        'Whether detected incidents open cases and drive them up to the gate (and beyond where policy allows).',
      ),
      verifyWindowS: z.coerce
        .number()
        .int()
        .min(5)
        .default(60)
        .describe(
          'How long a broken objective must hold again before a case closes, where the plan does not say, seconds.',
        ),
    })
    .prefault({}),
  diagnose: z
    .strictObject({
      learning: flag(true).describe(
        'Whether verified cases move the scores of later causes of their kind (never more than 0.05), and new ones are counted.',
      ),
    })
    .prefault({}),
  alerts: z
    .strictObject({
      openCases: list
        .default(['critical', 'page'])
        .describe(
          'Values of the label severity whose firing alerts open a case by themselves; others only join one. Empty: none does.',
        ),
    })
    .prefault({}),
  remedy: z
    .strictObject({
      scriptAllow: list
        .default([])
        .describe('Absolute paths of programs that script.exec may start; it starts nothing else.'),
      httpAllow: list
        .default([])
        .describe('Origins (scheme://host:port) that http.request and gateway.flip may call; nothing else.'),
      tenants: list
        .default([])
        .describe(
          'Tenants, besides that of the setting tenant, whose plans may use script_allow and http_allow.',
        ),
      scriptOutputBytesMax: z.coerce
        .number()
        .int()
        .min(256)
        .default(65_536)
        .describe('Output of a script kept per stream, bytes; the rest is dropped and counted.'),
    })
    .prefault({}),
  catalog: z
    .strictObject({
      dirs: list
        .default([])
        .describe(
          'Further directories with objectives/, playbooks/, policies/, masking/, pipelines/ and formats/, read after the built-in catalogue; same names override.',
        ),
    })
    .prefault({}),
});

export type Config = z.infer<typeof configSchema>;
