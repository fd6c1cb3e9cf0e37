import type { Layer, ResourceType, Urn } from '../../model/index.ts';

const byScheme: Readonly<Record<string, ResourceType>> = {
  db: 'database',
  mq: 'queue',
  host: 'host',
  ext: 'external',
};

export const resourceTypeOf = (urn: Urn): ResourceType => byScheme[urn.split(':')[1] ?? ''] ?? 'service';

/** Files name resources without their type; the layer of the cause tells as much as counts here. */
export const typeOfLayer = (layer: Layer): ResourceType =>
  layer === 'data' ? 'database' : layer === 'host' ? 'host' : 'service';
