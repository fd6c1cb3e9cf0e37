/**
 * Uniform resource names (source 004, "ETL design", URN normalisation): `urn:k8s:svc:<ns>/<name>`, `urn:host:<host>`,
 * `urn:db:<system>:<cluster>/<db>`; plus `urn:svc:<name>` for a service without Kubernetes attributes and
 * `urn:ext:<address>` for a peer that sends no telemetry of its own.
 */
export type Urn = string;
export type ResourceType = 'service' | 'database' | 'host' | 'external';
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
  return { urn: `urn:db:${system}:${cluster}/${database}`, type: 'database', name: database || cluster };
}

export const externalRef = (address: string): ResourceRef => ({
  urn: `urn:ext:${address}`,
  type: 'external',
  name: address,
});

/** The short name a person reads: what follows the last `:` or `/` structure of the URN, address ports kept. */
export function urnName(urn: Urn): string {
  const [, kind, ...rest] = urn.split(':');
  const tail = rest.join(':');
  return kind === 'ext' ? tail : (tail.split('/').at(-1) ?? tail);
}
