/**
 * Uniform resource names (source 004, "ETL design", URN normalisation): `urn:k8s:svc:<ns>/<name>`, `urn:host:<host>`,
 * `urn:db:<system>:<cluster>/<db>`, `urn:mq:<system>:<topic>`; plus `urn:svc:<name>` for a service without Kubernetes attributes and
 * `urn:ext:<address>` for a peer that sends no telemetry of its own.
 */
export type Urn = string;
export type ResourceType = 'service' | 'database' | 'queue' | 'host' | 'external';
/** What infrastructure code and inventories declare, besides. */
export type DeclaredType =
  | ResourceType
  | 'workload'
  | 'config'
  | 'storage'
  | 'network'
  | 'cloud'
  | 'role'
  | 'group';

export interface ResourceRef<Type extends string = ResourceType> {
  urn: Urn;
  type: Type;
  name: string;
}

export function serviceRef(name: string, k8sNamespace?: string): ResourceRef {
  const urn = k8sNamespace ? `urn:k8s:svc:${k8sNamespace}/${name}` : `urn:svc:${name}`;
  return { urn, type: 'service', name };
}

/** `cluster` is the server address, or the owning service for an embedded engine. */
export function databaseRef(system: string, cluster: string, database: string): ResourceRef {
  // `postgresql` is what OpenTelemetry says, `postgres` what the URNs of infrastructure say.
  const product = system === 'postgresql' ? 'postgres' : system;
  return { urn: `urn:db:${product}:${cluster}/${database}`, type: 'database', name: database || cluster };
}

/** A queue or topic; producers and consumers know different addresses of its cluster, so the name alone identifies it. */
export const queueRef = (system: string, name: string): ResourceRef => ({
  urn: `urn:mq:${system}:${name}`,
  type: 'queue',
  name,
});

export const externalRef = (address: string): ResourceRef => ({
  urn: `urn:ext:${address}`,
  type: 'external',
  name: address,
});

const schemes: Readonly<Record<string, ResourceType>> = {
  svc: 'service',
  k8s: 'service',
  db: 'database',
  mq: 'queue',
  host: 'host',
  ext: 'external',
};

/** What a URN names; null for what is no URN and for schemes that only infrastructure code knows. */
export const resourceTypeOf = (urn: Urn): ResourceType | null =>
  urn.startsWith('urn:') ? (schemes[urn.split(':')[1] ?? ''] ?? null) : null;

/** The short name a person reads: what follows the last `:` or `/` structure of the URN, address ports kept. */
export function urnName(urn: Urn): string {
  const [, kind, ...rest] = urn.split(':');
  const tail = rest.join(':');
  if (kind === 'mq') return rest.slice(1).join(':');
  return kind === 'ext' ? tail : (tail.split('/').at(-1) ?? tail);
}
