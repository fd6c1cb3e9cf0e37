import { z } from 'zod';

/** Name of a tenant: it stands in addresses, in rows and in file names. */
export const tenantName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'must be lower-case letters, digits, - and _, at most 63');

/** Of a listener whose senders show no token. */
export const listenerTenant = (what: string) =>
  z
    .union([z.literal(''), tenantName])
    .default('')
    .describe(`Tenant that ${what} belong to, which carry no token; empty: that of the setting tenant.`);
