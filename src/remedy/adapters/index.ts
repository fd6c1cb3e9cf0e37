import type { Clock } from '../../lib/index.ts';
import type { StepAction } from '../../model/index.ts';
import type { Adapter } from './adapter.ts';
import { gatewayFlip } from './gateway.ts';
import { httpRequest } from './http.ts';
import { noop } from './noop.ts';
import { scriptExec } from './script.ts';

export type { Adapter, AdapterResult, StepContext } from './adapter.ts';

export interface AdapterOptions {
  scriptAllow: readonly string[];
  httpAllow: readonly string[];
  scriptOutputBytesMax: number;
  clock: Clock;
}

/** The actions that a tenant's plans may carry out. */
export type AdaptersOf = (tenant: string) => ReadonlyMap<StepAction, Adapter>;

/**
 * The allow lists hold for tenants that `reaches` names. For others they are empty: a program does not know for whom it
 * is started, and what it touches may be another tenant's.
 */
export function adaptersByTenant(options: AdapterOptions, reaches: (tenant: string) => boolean): AdaptersOf {
  const open = createAdapters(options);
  const closed = createAdapters({ ...options, scriptAllow: [], httpAllow: [] });
  return (tenant) => (reaches(tenant) ? open : closed);
}

/** Every action that this process can carry out. An action without an adapter fails its step with a clear error. */
export function createAdapters(options: AdapterOptions): ReadonlyMap<StepAction, Adapter> {
  const http = { allow: options.httpAllow };
  const all: Adapter[] = [
    noop,
    scriptExec({
      allow: options.scriptAllow,
      outputBytesMax: options.scriptOutputBytesMax,
      clock: options.clock,
    }),
    httpRequest(http),
    gatewayFlip(http),
  ];
  return new Map(all.map((adapter) => [adapter.action, adapter]));
}
