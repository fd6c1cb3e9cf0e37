/** Bundles of made-up incidents with their truth: every fault, other things that happened, and data that is missing or wrong. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { seeded } from '../../src/lib/index.ts';
import { type Fault, type FaultKind, faultKinds, makeFault, truthOf } from './faults.ts';
import { Simulation } from './simulate.ts';
import { makeSystem, type Random, type System } from './system.ts';

/** What of an incident is not there, or is not right. */
export const gaps = [
  'none',
  'no_spans',
  'no_metrics',
  'no_logs',
  'sampled',
  'wrong_edges',
  'no_windows',
] as const;
export type Gap = (typeof gaps)[number];

const baselineS = 1_200;
const incidentS = 360;
/** An arbitrary instant: the same seed makes the same files. */
const epoch = Date.UTC(2026, 2, 3, 9, 0, 0);

export interface Made {
  name: string;
  kind: FaultKind;
  gap: Gap;
}

/** `count` bundles under `dir`; kinds and gaps take turns. */
export function generate(dir: string, count: number, seed: number): Made[] {
  return Array.from({ length: count }, (_, number) => {
    const kind = faultKinds[number % faultKinds.length] ?? 'none';
    const gap = gaps[Math.floor(number / faultKinds.length) % gaps.length] ?? 'none';
    const name = `${String(number).padStart(3, '0')}-${kind}-${gap}`;
    makeBundle(join(dir, name), kind, gap, seeded(seed * 1_000 + number));
    return { name, kind, gap };
  });
}

export function makeBundle(dir: string, kind: FaultKind, gap: Gap, random: Random): void {
  const system = makeSystem(random);
  const fault = makeFault(kind, system, random);
  const onset = epoch + baselineS * 1000;
  const end = onset + incidentS * 1000;
  const simulation = new Simulation({
    system,
    fault,
    start: epoch,
    onset,
    end,
    requestsPerSecond: 3,
    random,
  });
  simulation.start();
  const { events, cause } = eventsOf(system, fault, onset, random);
  mkdirSync(dir, { recursive: true });
  const put = (name: string, lines: string[]) =>
    writeFileSync(join(dir, `${name}.gz`), gzipSync(`${lines.join('\n')}\n`));
  const iso = (at: number) => new Date(at).toISOString();
  const meta = {
    source: 'generated',
    incident_at: iso(onset + 90_000),
    symptom: { service: system.services[0]?.name, metric: symptomOf(kind) },
    ...(gap === 'no_windows'
      ? {}
      : {
          baseline: { from: iso(epoch), to: iso(onset - 60_000) },
          window: { from: iso(onset), to: iso(end) },
        }),
  };
  writeFileSync(join(dir, 'meta.json'), JSON.stringify(meta, null, 1));
  if (gap !== 'no_metrics')
    put('metrics.csv', [
      'ts,service,metric,value',
      ...simulation.metrics.map(
        ({ ts, service, metric, value }) => `${iso(ts)},${service},${metric},${value}`,
      ),
    ]);
  if (gap !== 'no_spans') {
    const kept =
      gap === 'sampled'
        ? simulation.spans.filter((span) => Number.parseInt(span.trace_id, 16) % 10 === 0)
        : simulation.spans;
    put(
      'spans.ndjson',
      kept.map((span) => JSON.stringify({ ...span, start: iso(span.start) })),
    );
  }
  if (gap !== 'no_logs')
    put(
      'logs.ndjson',
      simulation.logs.map((log) => JSON.stringify({ ...log, ts: iso(log.ts) })),
    );
  put('topology.csv', ['src,dst,relation', ...edgesOf(system, gap === 'wrong_edges' ? random : null)]);
  put(
    'events.ndjson',
    events.map((event) => JSON.stringify(event)),
  );
  writeFileSync(join(dir, 'truth.json'), JSON.stringify(truthOf(fault, system, cause), null, 1));
}

const symptomOf = (kind: FaultKind): string =>
  ['error_burst', 'bad_release', 'service_down', 'provider_outage'].includes(kind)
    ? 'error_ratio'
    : 'latency_p95_ms';

/** With `random` a tenth of the edges is missing and as many are made up. */
function edgesOf(system: System, random: Random | null): string[] {
  const edges: string[] = [];
  const { services, hosts } = system;
  for (const service of services) {
    edges.push(`${service.name},${hosts[service.host]},RUNS_ON`);
    if (service.database !== null) edges.push(`${service.name},${service.database},CALLS`);
    const callees = new Set(
      service.operations.flatMap((operation) => operation.calls.map((call) => call.service)),
    );
    for (const callee of callees) {
      if (random === null || random() > 0.1) edges.push(`${service.name},${services[callee]?.name},CALLS`);
      if (random !== null && random() < 0.1)
        edges.push(`${services[Math.floor(random() * services.length)]?.name},${service.name},CALLS`);
    }
  }
  return edges;
}

interface Event {
  ts: string;
  kind: string;
  id: string;
  service: string | null;
  title: string;
  actor: string;
  labels: Record<string, string>;
}

/** Changes that hurt nobody, some of them just before the onset, and the one that did, where one did. */
function eventsOf(system: System, fault: Fault, onset: number, random: Random) {
  const id = () =>
    Math.floor(random() * 2 ** 48)
      .toString(16)
      .padStart(12, '0');
  const events: Event[] = [];
  const add = (
    kind: string,
    service: string,
    at: number,
    title: string,
    labels: Record<string, string> = {},
  ) => {
    const event = {
      ts: new Date(at).toISOString(),
      kind,
      id: id(),
      service,
      title,
      actor: `dev${Math.floor(random() * 9)}`,
      labels,
    };
    events.push(event);
    return event.id;
  };
  const others = system.services.filter(
    (_, number) => number !== fault.target || fault.kind === 'noisy_neighbour',
  );
  const harmless = [
    'Fix typo in README',
    'Bump linter',
    'Tidy log message',
    'Rename a variable',
    'Add a unit test',
  ];
  for (let i = 0; i < 6; i++) {
    const service = others[Math.floor(random() * others.length)]?.name ?? '';
    add(
      random() < 0.5 ? 'commit' : 'deploy',
      service,
      onset - random() * 1_100_000,
      harmless[i % harmless.length] ?? '',
    );
  }
  const target = system.services[fault.target];
  const operation = target?.operations[fault.operation]?.name ?? '';
  let cause: string | undefined;
  if (fault.kind === 'bad_release')
    cause = add('deploy', target?.name ?? '', onset - 20_000, `Release 2.0.0: new mapper for ${operation}`, {
      version: '2.0.0',
    });
  if (fault.kind === 'config_change')
    cause = add('config', target?.name ?? '', onset - 15_000, `Set ${operation} batch size to 1`, {
      key: `${operation}.batch_size`,
      value: '1',
    });
  return { events: events.sort((a, b) => (a.ts < b.ts ? -1 : 1)), cause };
}
