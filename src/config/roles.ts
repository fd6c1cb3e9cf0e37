import { ClewError } from '../lib/index.ts';

/** What a process does: takes telemetry in; answers questions; condenses, detects, diagnoses and repairs. */
export const roleNames = ['ingest', 'query', 'worker'] as const;
export type Role = (typeof roleNames)[number];

/**
 * The roles of this process. Throws for a split that the embedded stores don't allow: `query` and `worker` both need the
 * engine and the ledger, and each of these lets one process in.
 */
export function rolesOf({ roles }: { roles: readonly (Role | 'all')[] }): Role[] {
  const played = roleNames.filter((role) => roles.includes(role) || roles.includes('all'));
  const has = (role: Role) => played.includes(role);
  const alone = has('ingest') && played.length === 1;
  if (alone || (has('query') && has('worker'))) return played;
  throw new ClewError(
    'bad_request',
    `roles is "${roles.join(',')}". With the embedded stores in data_dir one process has the roles query and worker together, ` +
      'for each store lets one process in: set roles to all, or start two processes with roles ingest and query,worker.',
  );
}
