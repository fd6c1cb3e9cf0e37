/** What the pods of a workload need, by name. */
export interface PodReferences {
  uses: { kind: 'ConfigMap' | 'Secret' | 'PersistentVolumeClaim' | 'ServiceAccount'; name: string }[];
  /** `namespace/name` of services whose address stands in the environment; they may not exist. */
  services: string[];
  node: string;
  /** `service.name` of its telemetry, where the manifest sets it. */
  serviceName: string;
}

const record = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
const array = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

export function podReferences(
  spec: Record<string, unknown>,
  annotations: Record<string, unknown>,
  namespace: string,
): PodReferences {
  const found: PodReferences = {
    uses: [],
    services: [],
    node: text(spec.nodeName),
    serviceName: text(annotations['resource.opentelemetry.io/service.name']),
  };
  const use = (kind: PodReferences['uses'][number]['kind'], name: unknown) => {
    if (text(name) !== '') found.uses.push({ kind, name: text(name) });
  };
  for (const volume of array(spec.volumes).map(record)) {
    use('ConfigMap', record(volume.configMap).name);
    use('Secret', record(volume.secret).secretName);
    use('PersistentVolumeClaim', record(volume.persistentVolumeClaim).claimName);
    for (const source of array(record(volume.projected).sources).map(record)) {
      use('ConfigMap', record(source.configMap).name);
      use('Secret', record(source.secret).name);
    }
  }
  for (const secret of array(spec.imagePullSecrets)) use('Secret', record(secret).name);
  if (text(spec.serviceAccountName) !== 'default') use('ServiceAccount', spec.serviceAccountName);
  for (const container of [...array(spec.initContainers), ...array(spec.containers)].map(record)) {
    for (const from of array(container.envFrom).map(record)) {
      use('ConfigMap', record(from.configMapRef).name);
      use('Secret', record(from.secretRef).name);
    }
    for (const variable of array(container.env).map(record)) readVariable(found, variable, use, namespace);
  }
  return found;
}

function readVariable(
  found: PodReferences,
  variable: Record<string, unknown>,
  use: (kind: 'ConfigMap' | 'Secret', name: unknown) => void,
  namespace: string,
): void {
  const from = record(variable.valueFrom);
  use('ConfigMap', record(from.configMapKeyRef).name);
  use('Secret', record(from.secretKeyRef).name);
  const value = text(variable.value);
  if (variable.name === 'OTEL_SERVICE_NAME' && /^[^$]+$/.test(value)) found.serviceName = value;
  if (variable.name === 'OTEL_RESOURCE_ATTRIBUTES')
    found.serviceName ||= /(?:^|,)service\.name=([^,$]+)/.exec(value)?.[1] ?? '';
  found.services.push(...servicesNamed(value, namespace));
}

/** Names of services in addresses: `http://cart:8080`, `postgres://u:p@db.data.svc.cluster.local/x`, `redis:6379`. */
export function servicesNamed(value: string, namespace: string): string[] {
  if (value.length > 2_000) return [];
  const hosts = [
    ...[...value.matchAll(/[a-z][a-z0-9+.-]*:\/\/(?:[^@/\s]*@)?([a-z0-9][a-z0-9.-]*)/gi)].map(
      (match) => match[1] ?? '',
    ),
    ...value.split(',').flatMap((part) => /^([a-z][a-z0-9.-]*)(:\d+)?$/i.exec(part.trim())?.[1] ?? []),
  ];
  return hosts.map((host) => {
    const [name = '', space] = host.toLowerCase().split('.');
    return `${space ?? namespace}/${name}`;
  });
}
