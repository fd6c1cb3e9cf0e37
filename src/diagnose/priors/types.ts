import { type Layer, type ResourceType, resourceTypeOf, type Urn } from '../../model/index.ts';

/** A person may name what only infrastructure code knows; experience counts it with services. */
export const typeOfResource = (urn: Urn): ResourceType => resourceTypeOf(urn) ?? 'service';

/** Files name resources without their type; the layer of the cause tells as much as counts here. */
export const typeOfLayer = (layer: Layer): ResourceType =>
  layer === 'data' ? 'database' : layer === 'host' ? 'host' : 'service';
