import { describe, expect, it } from 'vitest';
import { readKubernetes } from './kubernetes.ts';

const read = (text: string) => {
  const { edges, nodes } = readKubernetes([{ path: 'shop.yaml', text }]);
  return { nodes, edges: edges.map((edge) => `${edge.src.slice(8)} ${edge.relation} ${edge.dst.slice(8)}`) };
};
const shop = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: cart, namespace: shop, labels: { app: cart } }
spec:
  replicas: 3
  template:
    metadata: { labels: { app: cart, tier: web } }
    spec:
      serviceAccountName: cart
      containers:
        - name: cart
          envFrom: [{ configMapRef: { name: cart-env } }]
          env:
            - { name: OTEL_SERVICE_NAME, value: cart }
            - { name: DB_URL, value: "postgres://cart:hunter2@db.data.svc.cluster.local:5432/cart" }
            - { name: PRICES, value: "http://prices:8080" }
            - { name: PASSWORD, valueFrom: { secretKeyRef: { name: cart-secret, key: p } } }
      volumes:
        - { name: d, persistentVolumeClaim: { claimName: cart-data } }
---
# a document that is nothing
---
apiVersion: v1
kind: List
items:
  - { apiVersion: v1, kind: Service, metadata: { name: cart, namespace: shop }, spec: { selector: { app: cart } } }
  - { apiVersion: v1, kind: Service, metadata: { name: prices, namespace: shop }, spec: { selector: { app: prices } } }
  - { apiVersion: v1, kind: Service, metadata: { name: db, namespace: data }, spec: {} }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: front, namespace: shop }
spec: { rules: [{ http: { paths: [{ path: /, backend: { service: { name: cart, port: { number: 80 } } } }] } }] }
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { name: cart, namespace: shop }
spec: { scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: cart } }
---
apiVersion: v1
kind: Pod
metadata: { name: cart-1, namespace: shop, labels: { app: cart }, ownerReferences: [{ apiVersion: apps/v1, kind: ReplicaSet, name: cart-abc, uid: x }] }
spec: { nodeName: node-1, containers: [] }
---
apiVersion: v1
kind: Secret
metadata: { name: cart-secret, namespace: shop }
data: { p: aHVudGVyMg== }
stringData: { q: hunter2 }
`;

describe('manifests of Kubernetes', () => {
  it('become workloads, what leads to them and what they need', () => {
    const { edges } = read(shop);
    for (const edge of [
      'svc:shop/cart ROUTES_TO deployment:shop/cart',
      'svc:shop/cart ROUTES_TO pod:shop/cart-1',
      'ingress:shop/front ROUTES_TO svc:shop/cart',
      'horizontalpodautoscaler:shop/cart SCALES deployment:shop/cart',
      'deployment:shop/cart USES configmap:shop/cart-env',
      'deployment:shop/cart USES secret:shop/cart-secret',
      'deployment:shop/cart USES persistentvolumeclaim:shop/cart-data',
      'deployment:shop/cart USES serviceaccount:shop/cart',
      'deployment:shop/cart DEPENDS_ON svc:data/db',
      'deployment:shop/cart DEPENDS_ON svc:shop/prices',
      'replicaset:shop/cart-abc OWNS pod:shop/cart-1',
      'namespace:shop CONTAINS deployment:shop/cart',
    ])
      expect(edges).toContain(edge);
    expect(edges.filter((edge) => edge.startsWith('svc:shop/prices ROUTES_TO'))).toEqual([]);
  });

  it('join what telemetry knows: the service by its name, the host by its node', () => {
    const { edges } = readKubernetes([{ path: 'a', text: shop }]);
    expect(edges).toContainEqual({
      src: 'urn:svc:cart',
      relation: 'RUNS_ON',
      dst: 'urn:k8s:deployment:shop/cart',
    });
    expect(edges).toContainEqual({
      src: 'urn:k8s:pod:shop/cart-1',
      relation: 'RUNS_ON',
      dst: 'urn:host:node-1',
    });
  });

  it('give no secret away', () => {
    const text = JSON.stringify(readKubernetes([{ path: 'a', text: shop }]));
    expect(text).not.toContain('hunter2');
    expect(text).not.toContain('aHVudGVyMg');
  });

  it('are read as one over files, whatever order they come in', () => {
    const [deployment = '', ...rest] = shop.split('\n---\n');
    const split = readKubernetes([
      { path: 'b.yaml', text: rest.join('\n---\n') },
      { path: 'a.yaml', text: deployment },
    ]);
    const whole = readKubernetes([{ path: 'a', text: shop }]);
    const keys = (edges: typeof whole.edges) => edges.map((edge) => JSON.stringify(edge)).sort();
    expect(keys(split.edges)).toEqual(keys(whole.edges));
  });

  it.each([
    [
      'apiVersion: v1\nkind: Service\nmetadata:\n  name: [a]\n',
      'shop.yaml: line 4, metadata.name: Invalid input: expected string, received array',
    ],
    [
      'apiVersion: v1\nkind: Service\n',
      'shop.yaml: line 1, metadata: Invalid input: expected object, received undefined',
    ],
    [
      'a: 1\n---\napiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec: 7\n',
      'shop.yaml: line 6, spec: Invalid input: expected record, received number',
    ],
    [
      'apiVersion: v1\nkind: List\nitems:\n  - kind: Pod\n',
      'shop.yaml: line 4, items[0].apiVersion: Invalid input',
    ],
    ['apiVersion: v1\nkind: "Service\n', 'shop.yaml: line 3, column 1: Missing closing "quote'],
    [
      'a: &a [1, 2]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: &d [*c, *c]\ne: &e [*d, *d]\nf: &f [*e, *e]\ng: [*f, *f, *f, *f, *f, *f, *f, *f]\n',
      'shop.yaml: its aliases refer to each other, or more than 100 times.',
    ],
  ])('that are broken are refused with file, line and field: %j', (text, message) => {
    expect(() => read(text)).toThrow(message);
  });

  it('documents that are no objects are passed over', () => {
    expect(read('replicas: 3\nimage: nginx\n').nodes).toEqual([]);
  });
});
