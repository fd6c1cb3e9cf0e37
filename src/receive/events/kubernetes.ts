import type { ChangeEvent } from '../../model/index.ts';
import { eachItem, type Fields, isRecord, RecordError, shown } from '../json.ts';
import { type KubernetesEvent, readKubernetesEvent } from './kubernetes-event.ts';
import type { EventSink } from './sink.ts';

/** A cluster's whole list of events is some ten thousand. */
const eventsMax = 50_000;

/** Reasons that say that something does not run; other warnings are warnings. Those of kubelet, scheduler, controllers. */
const failures = new Set(
  (
    'OOMKilling OOMKilled BackOff CrashLoopBackOff Failed FailedScheduling FailedMount FailedAttachVolume FailedMapVolume ' +
    'FailedCreate FailedCreatePodSandBox FailedCreatePodContainer FailedKillPod FailedPostStartHook FailedSync ' +
    'ErrImagePull ImagePullBackOff ErrImageNeverPull InspectFailed InvalidDiskCapacity Evicted Preempted NodeNotReady ' +
    'NetworkNotReady NodeHasDiskPressure NodeHasInsufficientMemory EvictionThresholdMet ProgressDeadlineExceeded ' +
    'ReplicaSetCreateError BackoffLimitExceeded DeadlineExceeded FailedDaemonPod ProvisioningFailed VolumeFailedDelete Rebooted TaskHung'
  ).split(' '),
);
const disasters = new Set(['SystemOOM', 'KernelOops', 'KubeletSetupFailed']);

/** Severity word of an event: the field `type` knows only two. */
export function severityOfEvent(event: Pick<KubernetesEvent, 'type' | 'reason' | 'message'>): string {
  if (disasters.has(event.reason)) return 'FATAL';
  if (event.type !== 'Warning') {
    // The kubelet stops a container that failed its probe by a Normal event, and so it evicts.
    return /failed \w+ probe/.test(event.message) || event.reason === 'Evicted' ? 'WARN' : 'INFO';
  }
  return failures.has(event.reason) ? 'ERROR' : 'WARN';
}

/** A rollout scales old and new ReplicaSets in steps for some minutes; those steps are no changes of their own. */
const rolloutMsMax = 900_000;
/** Deployments remembered: some 200 bytes each. */
const deploymentsMax = 10_000;
const scaling = /^Scaled (up|down) replica set (\S+)(?: from (\d+))? to (\d+)(?: from (\d+))?/;

/** Tells a rollout, which begins with a ReplicaSet scaled up from nothing, from somebody who scales. */
export class Rollouts {
  private readonly begun = new Map<string, number>();

  /** The change that an event tells of; undefined for one that belongs to another change or is none. */
  changeOf(event: KubernetesEvent, nowMs: number): ChangeEvent | undefined {
    const at = event.timeNs > 0n ? Number(event.timeNs / 1_000_000n) : nowMs;
    const make = (kind: string, title: string, labels: Record<string, string>): ChangeEvent => ({
      // An event that repeats keeps its uid and moves its time: each telling is the same change.
      id: `k8s:${event.uid || `${event.namespace}/${event.name}/${event.reason}/${at}`}`,
      at,
      kind,
      service: event.service,
      title,
      actor: 'kubernetes',
      labels: {
        namespace: event.namespace,
        object: `${event.kind}/${event.name}`,
        reason: event.reason,
        ...labels,
      },
    });
    if (event.reason === 'ScalingReplicaSet') return this.scaled(event, at, make);
    if (event.reason === 'SuccessfulRescale') {
      const size = /New size: (\d+)/.exec(event.message)?.[1];
      return make(
        'scale',
        `${event.service}: ${event.message}`,
        size === undefined ? {} : { replicas: size },
      );
    }
    return undefined;
  }

  private scaled(
    event: KubernetesEvent,
    at: number,
    make: (kind: string, title: string, labels: Record<string, string>) => ChangeEvent,
  ): ChangeEvent | undefined {
    const [, direction, replicaSet = '', before, to = '', after] = scaling.exec(event.message) ?? [];
    const from = before ?? after;
    const key = `${event.namespace}/${event.name}`;
    const begun = this.begun.get(key) ?? Number.NEGATIVE_INFINITY;
    const labels = { replicaset: replicaSet, replicas: to };
    if (direction === 'up' && (from === '0' || from === undefined) && at - begun >= rolloutMsMax) {
      this.begun.delete(key);
      this.begun.set(key, at);
      const [oldest] = this.begun.keys();
      if (this.begun.size > deploymentsMax && oldest !== undefined) this.begun.delete(oldest);
      return make('rollout', `${event.service}: rollout of ${replicaSet || 'a new replica set'}`, labels);
    }
    if (Math.abs(at - begun) < rolloutMsMax) return undefined;
    const title = `${event.service}: ${event.message}`.slice(0, 1_000);
    return make('scale', title, from === undefined ? labels : { ...labels, previous_replicas: from });
  }
}

/** Writes one event; throws RecordError. */
export function writeKubernetesEvent(
  value: Fields,
  sink: EventSink,
  rollouts: Rollouts,
  nowMs: number,
): void {
  const event = readKubernetesEvent(value);
  sink.logs.resource(event.service, event.resource);
  sink.logs.record({
    timeNs: event.timeNs,
    severity: severityOfEvent(event),
    traceId: '',
    spanId: '',
    body: event.message === '' ? event.reason : event.message,
    attributes: event.attributes,
    eventName: `k8s.event.${event.reason}`,
  });
  const change = rollouts.changeOf(event, nowMs);
  if (change !== undefined) sink.change(change);
}

/**
 * An Event, an EventList, an array, or one a line; each may stand in the frame of a watch, `{"type": "ADDED", "object": …}`.
 * A deletion only says that Kubernetes forgets an event after its hour.
 */
export function readKubernetes(text: string, sink: EventSink, rollouts: Rollouts, nowMs: number): void {
  const one = (value: unknown): void => {
    if (!isRecord(value)) throw new RecordError(`it is ${shown(value)}, an Event is needed`);
    const { object, type } = value;
    if (isRecord(object) && typeof type === 'string') {
      if (type === 'DELETED' || type === 'BOOKMARK') sink.ignore();
      else writeKubernetesEvent(object, sink, rollouts, nowMs);
      return;
    }
    writeKubernetesEvent(value, sink, rollouts, nowMs);
  };
  const refuse = (index: number, reason: string, payload: Uint8Array) => sink.refuse(index, reason, payload);
  eachItem(text, eventsMax, one, refuse, itemsOf);
}

/** The items of an array, or of a list as `kubectl get events -o json` prints it. */
function itemsOf(whole: unknown): unknown[] | undefined {
  if (Array.isArray(whole)) return whole;
  return isRecord(whole) && Array.isArray(whole.items) ? whole.items : undefined;
}
