import type { DetailQuery } from '../detail/index.ts';
import type { TimeWindow } from '../model/index.ts';

/** What telemetry says about the place of a service; the columns of dim_resource. */
export interface ServicePlace {
  service: string;
  env: string;
  region: string;
  zone: string;
  version: string;
  namespace: string;
}

export const placesMax = 5_000;

/**
 * One row per service that sent anything in the window. Resource attributes are LowCardinality, so this reads little;
 * `any` is enough because one service's attributes agree, and `max` picks the newer of two versions side by side.
 */
const placesSql = `
SELECT service, any(env) AS env, any(region) AS region, any(zone) AS zone, max(version) AS version, any(namespace) AS namespace
FROM (
  SELECT ServiceName AS service,
    coalesce(nullIf(ResourceAttributes['deployment.environment.name'], ''), ResourceAttributes['deployment.environment']) AS env,
    ResourceAttributes['cloud.region'] AS region, ResourceAttributes['cloud.availability_zone'] AS zone,
    ResourceAttributes['service.version'] AS version, ResourceAttributes['k8s.namespace.name'] AS namespace
  FROM otel_traces
  WHERE Tenant = {tenant:String} AND Timestamp >= {from:DateTime64(9)} AND Timestamp < {to:DateTime64(9)}
    AND ServiceName != ''
  LIMIT 50 BY ServiceName
)
GROUP BY service ORDER BY service LIMIT {places_max:UInt32}`;

export const placesQuery = (tenant: string, window: TimeWindow): DetailQuery => ({
  name: 'rollup.places',
  tenant,
  window,
  sql: placesSql,
  params: { places_max: placesMax },
});
