/**
 * config — one schema, four sources: flag over environment over file over default.
 *
 * Contract: `loadConfig` returns a complete, checked, immutable value or throws a `bad_request` ClewError that names
 * the key, the value and where it came from. Unknown keys are errors. `CLEW_<KEY>_FILE` reads a secret from a file.
 * What never happens here: reading `process.env` directly — `main.ts` of the command line hands the environment in.
 */
export {
  type ConfigSources,
  configKeys,
  loadConfig,
  requireAllowBeyondLoopback,
  requireCredentialsBeyondLoopback,
} from './load.ts';
export { type Role, rolesOf } from './roles.ts';
export { type Config, configSchema } from './schema.ts';
export { tenantName } from './tenant.ts';
export { directoriesOf } from './topology.ts';
