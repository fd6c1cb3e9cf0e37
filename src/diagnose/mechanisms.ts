import type { CauseKind, ChangeEvent, Layer, Urn } from '../model/index.ts';
import type { Hit } from './checks/index.ts';
import type { Findings } from './walk.ts';

/**
 * A mechanism that the checks recognise at a resource, with the facts that a playbook needs. The ranking says which resource
 * it is and which change is to blame; of several mechanisms at one resource the strongest is named.
 */
export interface Mechanism {
  resource: Urn;
  service: string;
  kind: CauseKind;
  layer: Layer;
  /** How strongly telemetry shows this very fault, 0–1. Nothing but telemetry counts here. */
  strength: number;
  /** Share of the new errors or of the added time that begins here, 0–1. */
  origin: number;
  /** Services through which the fault reaches the others. */
  through: string[];
  change: { change: ChangeEvent; weight: number; hit: Hit | undefined } | null;
  hits: Hit[];
  facts: Record<string, string>;
}

const deployKinds = /deploy|release|rollout|version|commit/i;
const configKinds = /config|flag|feature|setting|scale|limit/i;
const dataKinds = /migrat|schema|index|database|ddl|deploy|release|config/i;
const anyKind = /./;

const present = <T>(value: T | undefined | null): value is T => value !== undefined && value !== null;

export function mechanismsOf(findings: Findings): Mechanism[] {
  const perService = findings.picture.services.flatMap(({ service }) =>
    [
      ownFault(findings, service),
      poolFault(findings, service),
      cpuFault(findings, service),
      memoryFault(findings, service),
      logStorm(findings, service),
      gone(findings, service),
    ].filter(present),
  );
  return [
    ...perService,
    ...slowQueries(findings),
    ...outsidePeers(findings),
    ...brokenWays(findings),
    ...surge(findings),
  ];
}

/** What the checks found, as a playbook asks for it; of two that say the same thing, the later. */
const factsOf = (hits: readonly Hit[]): Record<string, string> =>
  Object.assign({}, ...hits.map((hit) => hit.facts));

/** How much of what is wrong begins in the service itself: errors first, else its share of the added time. */
function ownShare(findings: Findings, service: string): number {
  const errors = findings.ownErrorShare(service);
  const time = findings.first('own_time', service)?.values.share ?? 0;
  const slow = findings.first('response_time', service) !== undefined;
  return Math.max(errors, slow ? time : 0);
}

/** Errors or time of the service's own without a special mechanism: a release, a setting, or just a burst. */
function ownFault(findings: Findings, service: string): Mechanism | null {
  const picture = findings.service(service);
  const errors = findings.ownErrorShare(service);
  const origin = findings.errorsRose()
    ? findings
        .of('error_origin', service)
        .find((hit) => hit.facts.peer_type === '' || hit.facts.peer_type === 'database')
    : undefined;
  const time = findings.first('response_time', service) ? findings.first('own_time', service) : undefined;
  if (!picture || (!origin && !time)) return null;
  const version = findings.first('versions', service);
  const deploy = findings.changeOn([service], deployKinds);
  const config = findings.changeOn([service], configKinds);
  const worse = (version?.values.worse ?? 0) + (version?.values.slower ?? 0) > 0;
  const release =
    worse ||
    (version !== undefined && deploy !== null) ||
    (deploy !== null && !config && picture.versions.length === 0);
  const kind: CauseKind = release
    ? 'bad_release'
    : config
      ? 'config_change'
      : origin
        ? 'error_burst'
        : 'latency_regression';
  const change = release ? deploy : config;
  const symptom = origin ? findings.first('error_rate', service) : findings.first('response_time', service);
  const surging =
    !change && !worse && findings.of('throughput', service).some((hit) => hit.code === 'throughput.surge');
  const strength =
    (surging ? 0.6 : 1) *
      Math.max(origin ? 0.4 + 0.4 * errors : 0, time ? 0.3 + 0.4 * (time.values.share ?? 0) : 0) +
    (worse ? 0.2 : 0);
  const hits = [
    symptom,
    origin,
    time,
    release ? version : undefined,
    findings.first('log_patterns', service),
  ].filter(present);
  return {
    resource: picture.urn,
    service,
    kind,
    layer: 'application',
    strength,
    origin: ownShare(findings, service),
    through: [service],
    change,
    hits,
    facts: factsOf(hits),
  };
}

function poolFault(findings: Findings, service: string): Mechanism | null {
  const picture = findings.service(service);
  const pool = findings.first('pool', service);
  if (!picture || !pool) return null;
  // A pool also runs empty when the database behind it got slow: then the database is the cause.
  const slowDatabase = findings.of('slow_statements', service).some((hit) => (hit.values.ratio ?? 0) >= 3);
  const change = findings.changeOn([service], configKinds) ?? findings.changeOn([service], deployKinds);
  const hits = [
    pool,
    findings.first('error_rate', service) ?? findings.first('response_time', service),
    findings.first('error_origin', service),
    findings.first('own_time', service),
  ].filter(present);
  return {
    resource: picture.urn,
    service,
    kind: 'connection_pool_exhausted',
    layer: 'service',
    strength: (0.6 + 0.4 * pool.strength) * (slowDatabase ? 0.45 : 1),
    origin: Math.max(ownShare(findings, service), 0.5),
    through: [service],
    change,
    hits,
    facts: factsOf(hits),
  };
}

function cpuFault(findings: Findings, service: string): Mechanism | null {
  const picture = findings.service(service);
  const busy = findings.first('cpu', service);
  if (!picture || !busy) return null;
  const time = findings.first('own_time', service);
  const slow = findings.first('response_time', service);
  // The engine of an embedded database, or a flood of log records, burns the service's CPU too.
  const statement = findings
    .of('slow_statements', service)
    .some((hit) => (hit.values.others ?? 1) < (hit.values.ratio ?? 0) / 2 && (time?.values.share ?? 0) < 0.5);
  const flood = findings.first('log_volume', service);
  const storm = flood !== undefined && (flood.values.errorShare ?? 0) < 0.5;
  const surge = findings.of('throughput').some((hit) => hit.code === 'throughput.surge');
  const change = findings.changeOn([service], anyKind);
  const hits = [busy, time, slow].filter(present);
  return {
    resource: picture.urn,
    service,
    kind: 'cpu_saturation',
    layer: 'host',
    strength:
      (0.35 + 0.3 * busy.strength + (time ? 0.25 : 0) + (slow ? 0.1 : 0)) *
      (statement || storm ? 0.5 : 1) *
      (surge && !change ? 0.6 : 1),
    origin: time && slow ? (time.values.share ?? 0) : ownShare(findings, service),
    through: [service],
    change,
    hits,
    facts: factsOf(hits),
  };
}

function memoryFault(findings: Findings, service: string): Mechanism | null {
  const picture = findings.service(service);
  const grows = findings.first('memory', service);
  if (!picture || !grows) return null;
  const away = awayHits(findings, service);
  const hurt = findings.broken.has(service) || away.length > 0;
  const restarts = grows.values.restarts ?? 0;
  const change = findings.changeOn([service], deployKinds) ?? findings.changeOn([service], configKinds);
  const version = findings.first('versions', service);
  const hits = [
    grows,
    ...away.slice(0, 2),
    findings.first('response_time', service),
    findings.first('error_rate', service),
    version,
  ].filter(present);
  return {
    resource: picture.urn,
    service,
    kind: 'memory_leak',
    layer: 'host',
    strength: hurt ? 0.45 + 0.5 * grows.strength + (restarts > 0 ? 0.1 : 0) : 0.25 * grows.strength,
    origin: Math.max(ownShare(findings, service), findings.peerErrorShare(picture.urn)),
    through: [service],
    change,
    hits,
    facts: factsOf(hits),
  };
}

/**
 * Callers found nobody there: their calls failed without a failed span of the service itself. It refused, did not answer
 * in time, or a proxy in between answered for it; had the service failed by itself, its own span would say so.
 */
const awayHits = (findings: Findings, service: string): Hit[] =>
  findings.errorsRose()
    ? findings
        .of('error_origin')
        .filter((hit) => hit.facts.peer_service === service && hit.facts.peer_type === 'service')
    : [];

function logStorm(findings: Findings, service: string): Mechanism | null {
  const picture = findings.service(service);
  const flood = findings.first('log_volume', service);
  if (!picture || !flood) return null;
  // Errors that are logged are the trace of another fault, not a storm.
  const consequence = (flood.values.errorShare ?? 0) > 0.5 && findings.of('error_rate').length > 0;
  const change = findings.changeOn([service], configKinds) ?? findings.changeOn([service], deployKinds);
  const hits = [flood, findings.first('cpu', service), findings.first('response_time', service)].filter(
    present,
  );
  return {
    resource: picture.urn,
    service,
    kind: 'log_storm',
    layer: 'application',
    strength: consequence ? 0.2 : 0.5 + 0.5 * flood.strength,
    origin: consequence ? 0 : Math.max(0.6, ownShare(findings, service)),
    through: [service],
    change,
    hits,
    facts: factsOf(hits),
  };
}

/** Callers are refused and the service answers next to nothing: it is down. */
function gone(findings: Findings, service: string): Mechanism | null {
  const picture = findings.service(service);
  const away = awayHits(findings, service).filter(
    (hit) => hit.values.network === 1 || hit.values.proxied === 1,
  );
  const silent = findings.of('throughput', service).find((hit) => hit.code === 'throughput.gone');
  if (!picture || away.length === 0) return null;
  const change = findings.changeOn([service], deployKinds) ?? findings.changeOn([service], configKinds);
  const hits = [...away.slice(0, 2), silent].filter(present);
  return {
    resource: picture.urn,
    service,
    kind: 'service_down',
    layer: 'service',
    strength: silent ? 0.85 : 0.55,
    origin: findings.peerErrorShare(picture.urn),
    through: [service],
    change,
    hits,
    facts: factsOf(hits),
  };
}

/** One candidate per database: its slowest statement, and how much of the callers' added time it makes. */
function slowQueries(findings: Findings): Mechanism[] {
  const byResource = new Map<string, Hit[]>();
  for (const hit of findings.of('slow_statements')) {
    byResource.set(hit.resource, [...(byResource.get(hit.resource) ?? []), hit]);
  }
  return [...byResource].flatMap(([resource, slow]) => {
    const worst = [...slow].sort((a, b) => (b.values.totalMs ?? 0) - (a.values.totalMs ?? 0))[0];
    if (!worst) return [];
    const services = [...new Set(slow.map((hit) => hit.service))];
    // With a blocked process every call it makes looks slow: then the statement is not what is slow.
    const busy = services.some((service) => findings.first('cpu', service));
    const alike = (worst.values.others ?? 1) > (worst.values.ratio ?? 1) / 2;
    const own = findings.first('own_time', worst.service)?.values.share ?? 0;
    const blocked = busy && (alike || own > 0.5);
    const change = findings.changeOn(services, dataKinds);
    const hits = [worst, ...services.map((service) => findings.first('response_time', service))].filter(
      present,
    );
    return [
      {
        resource,
        service: worst.service,
        kind: 'slow_query' as const,
        layer: 'data' as const,
        strength: (0.35 + 0.6 * worst.strength) * (blocked ? 0.4 : 1),
        origin: blocked ? 0.2 : 1 - own,
        through: services,
        change,
        hits,
        facts: factsOf(hits),
      },
    ];
  });
}

/** A peer without telemetry of its own fails or is slow for callers that did not change. */
function outsidePeers(findings: Findings): Mechanism[] {
  const resources = new Set(
    [...findings.of('dependencies'), ...findings.of('error_origin')]
      .filter((hit) => hit.facts.peer_type === 'external')
      .map((hit) => hit.resource),
  );
  return [...resources].map((resource) => {
    const calls = findings.of('dependencies').filter((hit) => hit.resource === resource);
    const origins = findings.of('error_origin').filter((hit) => hit.resource === resource);
    const callers = [...new Set([...calls, ...origins].map((hit) => hit.service))];
    const changed = callers.some((caller) => (findings.first('versions', caller)?.values.worse ?? 0) > 0);
    const strongest = calls.reduce((max, hit) => Math.max(max, hit.strength), 0);
    const errors = findings.peerErrorShare(resource);
    const slow = calls.some((hit) => hit.values.slow === 1);
    const hits = [
      ...calls.slice(0, 2),
      ...origins.slice(0, 2),
      findings.first('network_errors', callers[0] ?? ''),
    ].filter(present);
    return {
      resource,
      service: callers[0] ?? '',
      kind: 'external_dependency' as const,
      layer: 'service' as const,
      strength: Math.min(1, 0.4 + 0.35 * Math.min(1, strongest) + 0.25 * errors) * (changed ? 0.6 : 1),
      origin: Math.max(errors, slow ? waitedShare(findings, callers) : 0),
      through: callers,
      change: null,
      hits,
      facts: {
        ...factsOf(hits),
        peer_address: calls[0]?.facts.peer_address ?? origins[0]?.facts.peer_address ?? '',
      },
    };
  });
}

/** How much of the callers' added time is waiting. */
function waitedShare(findings: Findings, callers: readonly string[]): number {
  const own = Math.max(0, ...callers.map((caller) => findings.first('own_time', caller)?.values.share ?? 0));
  return 1 - own;
}

/** Connections to a service break although it still serves others as always: the way between them. */
function brokenWays(findings: Findings): Mechanism[] {
  return findings.of('network_errors').flatMap((hit) => {
    const callee = hit.facts.peer_service ?? '';
    const target = findings.service(callee);
    if (!target || findings.of('throughput', callee).some((t) => t.code === 'throughput.gone')) return [];
    if (findings.broken.has(callee) || findings.first('memory', callee) || findings.first('cpu', callee))
      return [];
    // A service that answers clearly fewer requests is down, not unreachable for one.
    if (
      target.incident.requests / target.incident.seconds <
      0.6 * (target.baseline.requests / target.baseline.seconds)
    )
      return [];
    const others = findings.picture.edges.some(
      (edge) =>
        edge.callee === callee &&
        edge.src !== hit.service &&
        edge.incident.requests > 5 &&
        edge.incident.errors === 0,
    );
    return [
      {
        resource: hit.resource,
        service: callee,
        kind: 'network_fault' as const,
        layer: 'network' as const,
        strength: (hit.values.broken === 1 ? 0.55 : 0.35) + (others ? 0.15 : 0),
        origin: findings.peerErrorShare(hit.resource),
        through: [hit.service],
        change: null,
        hits: [hit],
        facts: hit.facts,
      },
    ];
  });
}

/** More requests at the entry than before, and things broke only then. */
function surge(findings: Findings): Mechanism[] {
  const surging = findings.of('throughput').filter((hit) => hit.code === 'throughput.surge');
  // Only at the entry: deeper in, more requests are retries or a change of the caller.
  const entry = surging.find((hit) => findings.upstreamOf(hit.service).size === 1);
  if (!entry) return [];
  const reached = findings.picture.services
    .filter((service) => findings.upstreamOf(service.service).has(entry.service))
    .map((service) => service.service);
  return [
    {
      resource: entry.resource,
      service: entry.service,
      kind: 'traffic_surge',
      layer: 'application',
      strength: Math.min(1, 0.5 + 0.5 * entry.strength),
      origin: 0.7,
      through: reached,
      change: null,
      hits: [entry],
      facts: entry.facts,
    },
  ];
}
