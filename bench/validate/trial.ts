/** The Clew under trial: one directory and fixed ports for the whole plan, however often it is killed and started. */
import { join } from 'node:path';
import { freePorts } from '../../demo/run/ports.ts';
import { runLoad } from '../helper.ts';
import type { SequenceSum } from '../identity.ts';
import type { LoadResult, LoadSpec, Tick } from '../load.ts';
import { addAcknowledged, compare, type Exactness, firstSequence, untilQueryable } from '../round.ts';
import { killServer, querySql, type Server, startServer, stopServer } from '../server.ts';
import type { Share, Signal } from '../workload/index.ts';
import type { Check } from './plan.ts';

export interface LoadOptions {
  shares: readonly Share[];
  seconds: number;
  rate: number;
  /** Addresses that stand between; the server's own where they are not given. */
  via?: { otlp: string; api: string };
  onLost?: 'fail' | 'retry';
}

const connections = 8;
export const portKeys = {
  http: 'CLEW_HTTP_PORT',
  otlpHttp: 'CLEW_OTLP_HTTP_PORT',
  otlpGrpc: 'CLEW_OTLP_GRPC_PORT',
  syslog: 'CLEW_SYSLOG_TCP_PORT',
  netflow: 'CLEW_FLOW_NETFLOW_PORT',
} as const;
export type Ports = Record<keyof typeof portKeys, number>;

export interface TrialOptions {
  dir: string;
  /** 1 for the plan's own durations; smaller makes phases shorter. */
  scale: number;
  print: (text: string) => void;
}

export class Trial {
  readonly checks: Check[] = [];
  readonly run = `validate-${process.pid}`;
  readonly totals = new Map<Signal, SequenceSum>();
  readonly startedAtMs = Date.now();
  readonly ports: Ports;
  readonly dir: string;
  private readonly options: TrialOptions;
  private running: Server | undefined;
  private next: Record<Signal, number> = { ...firstSequence };

  private constructor(options: TrialOptions, ports: Ports) {
    this.options = options;
    this.ports = ports;
    this.dir = options.dir;
  }

  static async begin(options: TrialOptions): Promise<Trial> {
    const names = Object.keys(portKeys) as (keyof typeof portKeys)[];
    const ports = await freePorts(names.length);
    const trial = new Trial(options, Object.fromEntries(names.map((name, at) => [name, ports[at]])) as Ports);
    await trial.start();
    return trial;
  }

  get server(): Server {
    if (this.running === undefined) throw new Error('Clew is not running');
    return this.running;
  }
  get pid(): number {
    return this.server.process?.pid ?? 0;
  }

  /** A duration of the plan, at least `least` however short the phases are made. */
  seconds(full: number, least: number): number {
    return Math.max(least, Math.round(full * this.options.scale));
  }

  print(text: string): void {
    this.options.print(`${text}\n`);
  }

  check(check: Check): void {
    this.checks.push(check);
    this.print(
      `  ${check.passed ? 'pass' : 'FAIL'}  ${check.criterion}: ${check.measured} (limit ${check.limit})`,
    );
  }

  async start(): Promise<void> {
    const settings = Object.fromEntries(
      Object.entries(portKeys).map(([name, key]) => [key, String(this.ports[name as keyof Ports])]),
    );
    this.running = await startServer({
      dataDir: this.dir,
      settings: { ...settings, CLEW_SYSLOG_TCP_ENABLED: 'true', CLEW_FLOW_ENABLED: 'true' },
    });
  }
  async stop(): Promise<void> {
    if (this.running !== undefined) await stopServer(this.running);
    this.running = undefined;
  }
  /** Running again, whatever happened to it. */
  async revive(): Promise<void> {
    const child = this.running?.process;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      child.kill('SIGCONT');
      return;
    }
    await this.start();
  }
  async kill(): Promise<void> {
    await killServer(this.server);
    this.running = undefined;
  }
  get dataDir(): string {
    return join(this.dir, 'data');
  }

  /** Load whose records count in all later comparisons. */
  async load(options: LoadOptions, onTick?: (tick: Tick) => void): Promise<LoadResult> {
    const spec: LoadSpec = {
      otlp: options.via?.otlp ?? this.server.otlp,
      api: options.via?.api ?? this.server.api,
      shares: options.shares,
      seconds: options.seconds,
      connections,
      run: this.run,
      headers: {},
      first: this.next,
      rate: options.rate,
      onLost: options.onLost ?? 'fail',
    };
    const result = await runLoad(spec, onTick);
    this.next = result.next;
    addAcknowledged(this.totals, result);
    return result;
  }

  /** Everything acknowledged so far against what is stored. */
  async compare(): Promise<Exactness[]> {
    await untilQueryable(this.server, this.run, this.totals);
    return compare(this.server, this.run, this.totals);
  }

  sql(statement: string): Promise<unknown[][]> {
    return querySql(this.server, statement);
  }
  async get(path: string): Promise<{ status: number; body: unknown }> {
    const answer = await fetch(this.server.api + path);
    const text = await answer.text();
    return {
      status: answer.status,
      body: text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text,
    };
  }
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What is compared, in words: for a check whose limit is that nothing is missing and nothing twice. */
export function exactnessText(all: readonly Exactness[]): {
  passed: boolean;
  measured: string;
  share: number;
} {
  const acknowledged = all.reduce((sum, one) => sum + one.acknowledged, 0);
  const missing = all.reduce((sum, one) => sum + Math.max(0, one.acknowledged - one.distinct), 0);
  const twice = all.reduce((sum, one) => sum + (one.stored - one.distinct), 0);
  const strange = all.some((one) => !one.exact) && missing === 0 && twice === 0;
  return {
    passed: all.every((one) => one.exact),
    measured: `${acknowledged.toLocaleString('en')} acknowledged, ${missing} missing, ${twice} twice${strange ? ', others stored that were not acknowledged' : ''}`,
    share: acknowledged === 0 ? 0 : (acknowledged - missing) / acknowledged,
  };
}
