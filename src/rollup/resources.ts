import type { DetailQuery } from '../detail/index.ts';
import type { TimeWindow } from '../model/index.ts';
import { nameBytesMax } from './call-sides.ts';
import { heavy } from './slices.ts';
import type { Tables } from './source/tables.ts';

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
 * One row per service that sent spans in the window. Its attributes are read of its oldest and newest span only: of all of
 * them it would be most of what a window reads. `max` picks the newer of two versions side by side.
 */
const placesSql = (traces: string): string => `
WITH {from:DateTime64(9)} AS t_from, {to:DateTime64(9)} AS t_to
SELECT service, any(env) AS env, any(region) AS region, any(zone) AS zone, max(version) AS version, any(namespace) AS namespace
FROM (
  SELECT ServiceName AS service,
    if(ResourceAttributes['deployment.environment.name'] != '', ResourceAttributes['deployment.environment.name'], ResourceAttributes['deployment.environment']) AS env,
    ResourceAttributes['cloud.region'] AS region, ResourceAttributes['cloud.availability_zone'] AS zone,
    ResourceAttributes['service.version'] AS version, ResourceAttributes['k8s.namespace.name'] AS namespace
  FROM ${traces}
  WHERE Tenant = {tenant:String} AND Timestamp >= t_from AND Timestamp < t_to
    AND ServiceName != '' AND length(ServiceName) <= ${nameBytesMax}
    AND (ServiceName, EventId) IN (
      SELECT ServiceName, arrayJoin([argMin(EventId, Timestamp), argMax(EventId, Timestamp)]) FROM ${traces}
      WHERE Tenant = {tenant:String} AND Timestamp >= t_from AND Timestamp < t_to GROUP BY ServiceName)
)
GROUP BY service ORDER BY service LIMIT {places_max:UInt32}`;

export const placesQuery = (tenant: string, window: TimeWindow, tables: Tables): DetailQuery => ({
  name: 'rollup.places',
  tenant,
  window,
  sql: placesSql(tables.traces),
  params: { places_max: placesMax },
  limits: heavy,
});
