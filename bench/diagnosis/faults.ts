/** Faults of every kind, as what they do to the system from their onset on, and what a diagnosis should answer. */
import type { Operation, Random, System } from './system.ts';

export const faultKinds = [
  'latency_regression',
  'error_burst',
  'bad_release',
  'config_change',
  'cpu_saturation',
  'memory_leak',
  'slow_query',
  'service_down',
  'network_latency',
  'noisy_neighbour',
  'traffic_surge',
  'provider_outage',
  'none',
] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface Fault {
  kind: FaultKind;
  /** Number of the service that is hurt; of a host for `noisy_neighbour`. */
  target: number;
  operation: number;
  /** Only this operation of the service, or all of them. */
  wholeService: boolean;
  /** How hard: times slower, or the share of failing requests. */
  severity: number;
  /** A caller, for `network_latency`. */
  caller: number;
}

export interface Truth {
  verdict: 'root_cause' | 'external' | 'inconclusive';
  /** Any of these is right. */
  services: string[];
  cell: string;
  /** Id of the change to blame. */
  change?: string;
}

/** Only operations that requests reach can show a fault. */
export function makeFault(kind: FaultKind, system: System, random: Random): Fault {
  const reached = reachedServices(system);
  if (kind === 'provider_outage') letProviderBeCalled(system);
  const candidates = [...reached].filter((service) => {
    if (kind === 'slow_query') return system.services[service]?.database !== null;
    return service > 0;
  });
  const target = candidates[Math.floor(random() * candidates.length)] ?? [...reached][0] ?? 0;
  const callers = system.services.flatMap((service, index) =>
    service.operations.some((operation) => operation.calls.some((call) => call.service === target))
      ? [index]
      : [],
  );
  return {
    kind,
    target: kind === 'noisy_neighbour' ? (system.services[target]?.host ?? 0) : target,
    operation: calledOperation(system, target),
    wholeService: random() < 0.6,
    severity: 0.35 + random() * 0.6,
    caller: callers[Math.floor(random() * callers.length)] ?? 0,
  };
}

export function reachedServices(system: System): Set<number> {
  const reached = new Set<number>();
  eachReached(system, (service) => reached.add(service));
  return reached;
}

/** An outage that no request meets is none: where the caller is never asked, the last operation that is calls the provider. */
function letProviderBeCalled(system: System): void {
  let last: Operation | undefined;
  let called = false;
  eachReached(system, (service, operation) => {
    last = system.services[service]?.operations[operation];
    called ||= last?.callsProvider === true;
  });
  if (!called && last !== undefined) last.callsProvider = true;
}

/** Operations that requests meet, callers before whom they call; some more than once. */
function eachReached(system: System, take: (service: number, operation: number) => void): void {
  const visit = (service: number, operation: number): void => {
    take(service, operation);
    for (const call of system.services[service]?.operations[operation]?.calls ?? [])
      visit(call.service, call.operation);
  };
  for (const [index] of (system.services[0]?.operations ?? []).entries()) visit(0, index);
}

function calledOperation(system: System, target: number): number {
  for (const service of system.services)
    for (const operation of service.operations)
      for (const call of operation.calls) if (call.service === target) return call.operation;
  return 0;
}

export function truthOf(fault: Fault, system: System, change: string | undefined): Truth {
  const name = system.services[fault.target]?.name ?? '';
  const cell = fault.kind;
  switch (fault.kind) {
    case 'none':
      return { verdict: 'inconclusive', services: [], cell };
    case 'traffic_surge':
    case 'provider_outage':
      return { verdict: 'external', services: [], cell };
    case 'slow_query':
      return { verdict: 'root_cause', services: [name, system.services[fault.target]?.database ?? ''], cell };
    case 'network_latency':
      return { verdict: 'root_cause', services: [name, system.services[fault.caller]?.name ?? ''], cell };
    case 'noisy_neighbour': {
      const host = system.hosts[fault.target] ?? '';
      const on = system.services.filter((service) => service.host === fault.target);
      return { verdict: 'root_cause', services: [host, ...on.map((service) => service.name)], cell };
    }
    default:
      return {
        verdict: 'root_cause',
        services: [name],
        cell,
        ...(change === undefined ? {} : { change }),
      };
  }
}
