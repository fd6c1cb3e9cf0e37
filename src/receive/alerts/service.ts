import { appOf, workloadOf } from '../kubernetes.ts';
import type { Pair } from '../log-sink.ts';

export type Labels = Readonly<Record<string, string>>;

/** Labels that name a service outright, then the objects of Kubernetes that run one. */
const serviceLabels = ['service_name', 'service', 'app_name', 'application'];
const objectLabels = ['deployment', 'statefulset', 'daemonset', 'cronjob', 'job_name', 'replicaset', 'pod'];
const kinds: Readonly<Record<string, string>> = { job_name: 'job' };
/** Jobs of Prometheus that watch others: what such an alert is about stands in its other labels. */
const watchers =
  /^(.*-)?(kube-state-metrics|node-exporter|node_exporter|cadvisor|kubelet|blackbox.*|pushgateway|integrations\/.*)$/;

/** The service that an alert is about: by its labels, the job that was scraped last; '' when nothing names one. */
export function serviceOfLabels(labels: Labels): string {
  for (const name of serviceLabels) {
    const value = labels[name];
    // The service of kube-state-metrics in front of what it tells of other services.
    if (value !== undefined && !watchers.test(value)) return value;
  }
  const app = appOf(labels);
  if (app !== '') return app;
  for (const name of objectLabels) {
    const value = labels[name];
    const workload = value === undefined ? '' : workloadOf(kinds[name] ?? name, value).name;
    if (workload !== '') return workload;
  }
  const { job, container, instance, namespace } = labels;
  if (job !== undefined && !watchers.test(job)) return job;
  return container ?? instance ?? job ?? namespace ?? '';
}

const resourceNames: Readonly<Record<string, string>> = {
  cluster: 'k8s.cluster.name',
  namespace: 'k8s.namespace.name',
  pod: 'k8s.pod.name',
  container: 'k8s.container.name',
  node: 'k8s.node.name',
  deployment: 'k8s.deployment.name',
  statefulset: 'k8s.statefulset.name',
  daemonset: 'k8s.daemonset.name',
  job_name: 'k8s.job.name',
  cronjob: 'k8s.cronjob.name',
  instance: 'service.instance.id',
};

/** Labels under the names of the semantic conventions. */
export function resourceOfLabels(service: string, labels: Labels): Pair[] {
  const pairs = new Map<string, string>([['service.name', service]]);
  for (const [label, name] of Object.entries(resourceNames)) {
    const value = labels[label];
    if (value !== undefined) pairs.set(name, value);
  }
  for (const [name, value] of workloadOf('pod', labels.pod ?? '').attributes)
    if (labels.pod !== undefined && !pairs.has(name)) pairs.set(name, value);
  return [...pairs];
}
