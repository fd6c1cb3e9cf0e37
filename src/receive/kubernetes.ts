import { isRecord } from './json.ts';
import type { Pair } from './log-sink.ts';

/** Kubernetes makes the random parts of names from these letters, so that no words come out. */
const random = '[bcdfghjklmnpqrstvwxz2456789]';
const podOfCronJob = new RegExp(`^((.+)-\\d{8,10})-${random}{5}$`);
const podOfDeployment = new RegExp(`^((.+)-${random}{6,10})-${random}{5}$`);
const replicaSetOfDeployment = new RegExp(`^(.+)-${random}{6,10}$`);
const podOfStatefulSet = /^(.+)-\d{1,5}$/;
/** A DaemonSet's or a Job's: their pods are named alike. */
const podOfOther = new RegExp(`^(.+)-${random}{5}$`);

/** What runs a pod, and the resource attributes that follow from it. */
export interface Workload {
  /** Name of the Deployment, StatefulSet, …; '' when the name says nothing. */
  name: string;
  attributes: Pair[];
}

const none: Workload = { name: '', attributes: [] };

/** The workload behind an object of Kubernetes, by the names that its controllers give. */
export function workloadOf(kind: string, name: string): Workload {
  switch (kind.toLowerCase()) {
    case 'pod':
      return workloadOfPod(name);
    case 'replicaset': {
      const deployment = replicaSetOfDeployment.exec(name)?.[1];
      return deployment === undefined
        ? { name, attributes: [['k8s.replicaset.name', name]] }
        : {
            name: deployment,
            attributes: [
              ['k8s.replicaset.name', name],
              ['k8s.deployment.name', deployment],
            ],
          };
    }
    case 'deployment':
    case 'statefulset':
    case 'daemonset':
    case 'job':
    case 'cronjob':
      return { name, attributes: [[`k8s.${kind.toLowerCase()}.name`, name]] };
    case 'horizontalpodautoscaler':
    case 'service':
    case 'rollout':
      return { name, attributes: [] };
    default:
      return none;
  }
}

function workloadOfPod(pod: string): Workload {
  const cron = podOfCronJob.exec(pod);
  if (cron?.[1] !== undefined && cron[2] !== undefined)
    return {
      name: cron[2],
      attributes: [
        ['k8s.job.name', cron[1]],
        ['k8s.cronjob.name', cron[2]],
      ],
    };
  const deployed = podOfDeployment.exec(pod);
  if (deployed?.[1] !== undefined && deployed[2] !== undefined)
    return {
      name: deployed[2],
      attributes: [
        ['k8s.replicaset.name', deployed[1]],
        ['k8s.deployment.name', deployed[2]],
      ],
    };
  const stateful = podOfStatefulSet.exec(pod)?.[1];
  if (stateful !== undefined) return { name: stateful, attributes: [['k8s.statefulset.name', stateful]] };
  return { name: podOfOther.exec(pod)?.[1] ?? pod, attributes: [] };
}

/** The workload that owns an object, where the sender tells its owners. */
export function workloadOfOwners(owners: unknown): Workload {
  if (!Array.isArray(owners)) return none;
  for (const owner of owners) {
    if (!isRecord(owner) || typeof owner.kind !== 'string' || typeof owner.name !== 'string') continue;
    const found = workloadOf(owner.kind, owner.name);
    if (found.name !== '') return found;
  }
  return none;
}

/** Labels that name an application, the recommended one first; dots may have become underscores on the way. */
const appLabels = [
  'app.kubernetes.io/name',
  'app_kubernetes_io/name',
  'app_kubernetes_io_name',
  'app',
  'k8s-app',
];

export function appOf(labels: unknown): string {
  if (!isRecord(labels)) return '';
  for (const name of appLabels) {
    const value = labels[name];
    if (typeof value === 'string' && value !== '') return value;
  }
  return '';
}
