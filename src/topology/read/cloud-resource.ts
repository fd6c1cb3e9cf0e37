import { databaseRef, type Urn } from '../../model/index.ts';
import { type StructureBuilder, structureRef } from '../edge.ts';
import { labelsOf, textOf } from './labels.ts';

/** A resource of a cloud as Terraform, Pulumi and cloud snapshots know it; all three give it the same URN. */
export interface CloudResource {
  /** aws, gcp, azure, alicloud, … */
  provider: string;
  /** The type as Terraform names it without its provider: instance, db_instance, lb. */
  kind: string;
  /** The provider's own id; empty while it is not made yet. */
  id: string;
  /** What to call it where there is no id: the address in the code. */
  address: string;
  name: string;
  attributes: Readonly<Record<string, unknown>>;
  /** Attributes that the file calls sensitive; none of them is kept. */
  hidden: ReadonlySet<string>;
  labels?: Record<string, string>;
}

const providers: Readonly<Record<string, string>> = {
  google: 'gcp',
  'google-beta': 'gcp',
  'google-native': 'gcp',
  azurerm: 'azure',
  'azure-native': 'azure',
  azuread: 'azure',
};
export const providerName = (name: string): string => providers[name] ?? name;

/** Providers whose resources are values or files on the way, not things that run; their ids may be the secret itself. */
const valueProviders = new Set(
  'random tls null local time template external http archive terraform cloudinit command'.split(' '),
);
export const isValueProvider = (provider: string): boolean => valueProviders.has(provider);

const networkKinds =
  /(^|_)(vpc|subnet|subnetwork|network|route|gateway|lb|alb|elb|firewall|security_group|dns|eip|nat|listener|target_group|forwarding_rule|zone|record|virtual_network)(_|$)/;
const storageKinds = /(^|_)(bucket|s3|volume|disk|storage|efs|filesystem|snapshot|object)(_|$)/;
const configKinds =
  /(^|_)(iam|policy|role|secret|parameter|kms|key|ssm|certificate|config|service_account)(_|$)/;
const databaseKinds =
  /(^|_)(db|rds|sql|database|redis|elasticache|memcached|dynamodb|mongodb|cosmosdb|postgresql|mysql)(_|$)/;

function typeOf(kind: string) {
  if (databaseKinds.test(kind)) return 'database';
  if (storageKinds.test(kind)) return 'storage';
  if (configKinds.test(kind)) return 'config';
  if (networkKinds.test(kind)) return 'network';
  return 'cloud';
}

/** Adds the resource, and the host or database that runs on it under the name that telemetry knows it by. */
export function addCloudResource(builder: StructureBuilder, resource: CloudResource): Urn {
  const { provider, kind, attributes, hidden } = resource;
  const id = hidden.has('id') ? '' : resource.id;
  const path = id === '' ? `${provider}:${kind}:${resource.address}` : `${provider}:${kind}:${id}`;
  const ref = { ...structureRef(typeOf(kind), 'cloud', path), name: resource.name || id || resource.address };
  const region = placeOf(attributes, ['region', 'location']);
  const zone = placeOf(attributes, ['availability_zone', 'zone']);
  const urn = builder.node(ref, {
    ...(region === '' ? {} : { region }),
    ...(zone === '' ? {} : { zone }),
    labels: { kind, ...labelsOf(attributes, hidden), ...resource.labels },
  });
  const host = hostOf(kind, attributes);
  if (host !== '') builder.edge(builder.node(structureRef('host', 'host', host)), 'RUNS_ON', urn);
  const database = databaseOf(kind, attributes);
  if (database !== null) builder.edge(builder.node(database), 'RUNS_ON', urn);
  return urn;
}

function placeOf(attributes: Readonly<Record<string, unknown>>, names: readonly string[]): string {
  for (const name of names) {
    const text = textOf(attributes[name]);
    if (text !== '' && text.length <= 100) return text.split('/').at(-1) ?? '';
  }
  return '';
}

/** Attributes that hold the host name which the machine itself reports, by kind. */
const hostNames: Readonly<Record<string, readonly string[]>> = {
  instance: ['hostname', 'host_name', 'private_dns', 'name'],
  compute_instance: ['hostname', 'name'],
  linux_virtual_machine: ['computer_name', 'name'],
  windows_virtual_machine: ['computer_name', 'name'],
  virtual_machine: ['name'],
  droplet: ['name'],
  server: ['name'],
  compute_instance_v2: ['name'],
  domain: ['name'],
};

/** The first label of the machine's own name: what `host.name` of its telemetry says. */
function hostOf(kind: string, attributes: Readonly<Record<string, unknown>>): string {
  for (const name of hostNames[kind] ?? []) {
    const text = textOf(attributes[name]);
    if (/^[a-z0-9][a-z0-9.-]{0,252}$/i.test(text)) return text.split('.')[0]?.toLowerCase() ?? '';
  }
  return '';
}

const engines: readonly [RegExp, string][] = [
  [/postgres/i, 'postgresql'],
  [/maria/i, 'mariadb'],
  [/mysql/i, 'mysql'],
  [/redis|valkey/i, 'redis'],
  [/memcache/i, 'memcached'],
  [/sqlserver|mssql/i, 'microsoft.sql_server'],
  [/oracle/i, 'oracle.db'],
  [/mongo/i, 'mongodb'],
];
export const engineOf = (text: string): string => engines.find(([pattern]) => pattern.test(text))?.[1] ?? '';

function databaseOf(kind: string, attributes: Readonly<Record<string, unknown>>) {
  if (!databaseKinds.test(kind)) return null;
  const first = (...names: string[]) =>
    names.map((name) => textOf(attributes[name])).find((text) => text !== '') ?? '';
  const system = engineOf(first('engine', 'database_version', 'version') || kind) || engineOf(kind);
  const address = first(
    'address',
    'fqdn',
    'endpoint',
    'primary_endpoint_address',
    'private_ip_address',
    'host',
  );
  if (system === '' || !/^[a-z0-9][a-z0-9.-]*(:\d+)?$/i.test(address)) return null;
  return databaseRef(system, address.replace(/:\d+$/, ''), first('db_name', 'database_name'));
}
