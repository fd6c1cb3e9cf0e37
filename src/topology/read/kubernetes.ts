import { z } from 'zod';
import { serviceRef, type Urn } from '../../model/index.ts';
import { type Structure, StructureBuilder, structureRef } from '../edge.ts';
import { checked, readYaml, type SourceFile } from './file.ts';
import { podReferences } from './kubernetes-pod.ts';
import { labelsOf } from './labels.ts';

const stringMap = z.record(z.string(), z.unknown()).nullish();
const metadata = z.looseObject({
  name: z.string().min(1).max(253).optional(),
  generateName: z.string().optional(),
  namespace: z.string().max(253).nullish(),
  labels: stringMap,
  annotations: stringMap,
  ownerReferences: z.array(z.looseObject({ kind: z.string(), name: z.string() })).nullish(),
});
const manifest = z.looseObject({
  apiVersion: z.string(),
  kind: z.string().min(1).max(100),
  metadata: metadata,
  spec: z.record(z.string(), z.unknown()).nullish(),
});
const list = z.looseObject({ kind: z.string().regex(/List$/), items: z.array(z.unknown()) });

/** Most objects of one directory of manifests. */
const objectsMax = 20_000;
/** Kinds that live outside namespaces. */
const clusterKinds = new Set(
  'Namespace Node PersistentVolume StorageClass ClusterRole ClusterRoleBinding IngressClass CustomResourceDefinition PriorityClass'.split(
    ' ',
  ),
);

export interface KubernetesObject {
  kind: string;
  name: string;
  namespace: string;
  urn: Urn;
  metadata: z.output<typeof metadata>;
  spec: Record<string, unknown>;
}

/** Is this document an object of Kubernetes, or a list of some? */
export const isManifest = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'apiVersion' in value && 'kind' in value;

const typeOf = (kind: string) => {
  if (kind === 'Service') return 'service';
  if (kind === 'Node') return 'host';
  if (/^(ConfigMap|Secret|Role|ClusterRole|RoleBinding|ClusterRoleBinding|ServiceAccount)$/.test(kind))
    return 'config';
  if (/^(PersistentVolume|PersistentVolumeClaim|StorageClass)$/.test(kind)) return 'storage';
  if (/^(Ingress|IngressClass|NetworkPolicy|Gateway|HTTPRoute|EndpointSlice|Endpoints)$/.test(kind))
    return 'network';
  return kind === 'Namespace' ? 'group' : 'workload';
};

export function kubernetesRef(kind: string, namespace: string, name: string) {
  if (kind === 'Node') return structureRef('host', 'host', name.toLowerCase());
  const short = kind === 'Service' ? 'svc' : kind.toLowerCase();
  const path = clusterKinds.has(kind) ? name : `${namespace}/${name}`;
  return structureRef(typeOf(kind), 'k8s', `${short}:${path}`);
}

/** The objects of a file. Documents that are no objects (values of a chart) are passed over. */
export function objectsOf(file: SourceFile): KubernetesObject[] {
  return readYaml(file).flatMap((document) => {
    const values = isManifest(document.value) || isList(document.value) ? flat(document.value) : [];
    return values.map(({ value, path }) => {
      const object = checked(manifest, value, file.path, {
        within: path,
        line: (inner) => document.line([...path, ...inner]),
      });
      const name = object.metadata.name ?? object.metadata.generateName ?? '';
      const namespace = object.metadata.namespace ?? 'default';
      const { urn } = kubernetesRef(object.kind, namespace, name);
      return { kind: object.kind, name, namespace, urn, metadata: object.metadata, spec: object.spec ?? {} };
    });
  });
}

const isList = (value: unknown): boolean => list.safeParse(value).success;

function flat(value: unknown): { value: unknown; path: PropertyKey[] }[] {
  const items = list.safeParse(value);
  if (!items.success) return [{ value, path: [] }];
  return items.data.items.map((item, index) => ({ value: item, path: ['items', index] }));
}

const record = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
const array = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The template of the pods that an object makes, or its own specification when it is a pod. */
export function podOf(object: Pick<KubernetesObject, 'kind' | 'metadata' | 'spec'>) {
  if (object.kind === 'Pod')
    return {
      labels: record(object.metadata.labels),
      annotations: record(object.metadata.annotations),
      spec: object.spec,
    };
  const outer = object.kind === 'CronJob' ? record(record(object.spec.jobTemplate).spec) : object.spec;
  const template = record(outer.template);
  if (Object.keys(template).length === 0) return null;
  const { labels, annotations } = record(template.metadata);
  return { labels: record(labels), annotations: record(annotations), spec: record(template.spec) };
}

/**
 * Reads the manifests of a directory as one: namespaces contain their objects, services route to the workloads that their
 * selector matches, ingresses to services, workloads use configuration, secrets and volumes and depend on the services
 * that their environment names, autoscalers size, owners own. Values of secrets are not looked at.
 */
export function readKubernetes(files: readonly SourceFile[]): Structure {
  const builder = new StructureBuilder();
  const all = files.flatMap(objectsOf);
  builder.leave('objects', all.length - objectsMax);
  const objects = all.slice(0, objectsMax);
  for (const object of objects) {
    builder.node(kubernetesRef(object.kind, object.namespace, object.name), {
      labels: {
        kind: object.kind,
        ...(clusterKinds.has(object.kind) ? {} : { namespace: object.namespace }),
        ...labelsOf({ labels: object.metadata.labels ?? {}, replicas: object.spec.replicas }),
      },
    });
    if (!clusterKinds.has(object.kind))
      builder.edge(builder.node(kubernetesRef('Namespace', '', object.namespace)), 'CONTAINS', object.urn);
  }
  const services = new Map(
    objects.filter((one) => one.kind === 'Service').map((one) => [`${one.namespace}/${one.name}`, one.urn]),
  );
  for (const object of objects) link(builder, object, objects, services);
  return builder.done();
}

function link(
  builder: StructureBuilder,
  object: KubernetesObject,
  objects: readonly KubernetesObject[],
  services: ReadonlyMap<string, Urn>,
): void {
  const to = (
    relation: 'ROUTES_TO' | 'USES' | 'SCALES' | 'DEPENDS_ON' | 'RUNS_ON',
    kind: string,
    name: string,
  ) => {
    if (name !== '')
      builder.edge(object.urn, relation, builder.node(kubernetesRef(kind, object.namespace, name)));
  };
  for (const owner of object.metadata.ownerReferences ?? [])
    builder.edge(builder.node(kubernetesRef(owner.kind, object.namespace, owner.name)), 'OWNS', object.urn);
  if (object.kind === 'Service') linkService(builder, object, objects);
  if (object.kind === 'Ingress') for (const name of backendsOf(object.spec)) to('ROUTES_TO', 'Service', name);
  if (object.kind === 'HTTPRoute')
    for (const rule of array(object.spec.rules))
      for (const backend of array(record(rule).backendRefs))
        to('ROUTES_TO', 'Service', text(record(backend).name));
  if (object.kind === 'HorizontalPodAutoscaler') {
    const target = record(object.spec.scaleTargetRef);
    if (text(target.kind) !== '') to('SCALES', text(target.kind), text(target.name));
  }
  if (object.kind === 'PersistentVolumeClaim') to('USES', 'PersistentVolume', text(object.spec.volumeName));
  const pod = podOf(object);
  if (pod === null) return;
  const references = podReferences(pod.spec, pod.annotations, object.namespace);
  for (const { kind, name } of references.uses) to('USES', kind, name);
  if (references.node !== '') to('RUNS_ON', 'Node', references.node);
  for (const name of references.services) {
    const urn = services.get(name);
    if (urn !== undefined) builder.edge(object.urn, 'DEPENDS_ON', urn);
  }
  // The name that telemetry knows the workload by, where the manifest says it.
  if (references.serviceName !== '')
    builder.edge(builder.node(serviceRef(references.serviceName)), 'RUNS_ON', object.urn);
}

function linkService(
  builder: StructureBuilder,
  service: KubernetesObject,
  objects: readonly KubernetesObject[],
): void {
  const selector = Object.entries(record(service.spec.selector));
  if (selector.length === 0) return;
  for (const other of objects) {
    if (other.namespace !== service.namespace) continue;
    const labels = podOf(other)?.labels;
    if (labels !== undefined && selector.every(([key, value]) => labels[key] === value))
      builder.edge(service.urn, 'ROUTES_TO', other.urn);
  }
}

function backendsOf(spec: Record<string, unknown>): string[] {
  const backends = [
    spec.defaultBackend,
    spec.backend,
    ...array(spec.rules).flatMap((rule) =>
      array(record(record(rule).http).paths).map((path) => record(path).backend),
    ),
  ];
  return backends.map(
    (backend) => text(record(record(backend).service).name) || text(record(backend).serviceName),
  );
}
