import type { Shop } from '../run/supervisor.ts';

/**
 * A way to break the shop. Injecting it does what people or fate do to real systems; nothing in the telemetry is
 * pretended. It stays until its repair is applied.
 */
export interface Fault {
  name: string;
  description: string;
  /** What a diagnosis must name as first cause. More than one resource where both names mean the same thing. */
  expected: { resources(shop: Shop): string[]; kind: string };
  /** What ends it, in words. */
  repair: string;
  inject(shop: Shop): Promise<void>;
  /** Applies the repair by hand, as a test or an operator would. */
  heal(shop: Shop): Promise<void>;
  /** Harmless changes made some time before and just before, which a diagnosis must not blame. */
  decoys: { early(shop: Shop): Promise<void>; late(shop: Shop): Promise<void> };
}

const deployer = 'deploy-pipeline';

/** A release without any change in behaviour. */
export const harmlessDeploy = (service: string, version: string) => async (shop: Shop) => {
  await shop.deploy(service, version, deployer);
};

/** A switch that nothing depends on. */
export const harmlessFlag = (service: string, key: string, value: string) => async (shop: Shop) => {
  shop.setConfig(service, key, value, 'product-team');
};

export const deployers = deployer;
