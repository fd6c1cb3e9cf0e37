import { seriesColor } from '../model/color.ts';

/** A service's name beside its colour, the same on every page. */
export const ServiceName = ({ name }: { name: string }) => (
  <span className="service-name">
    <i className="swatch" style={{ background: seriesColor(name) }} aria-hidden="true" />
    <span className="clip">{name}</span>
  </span>
);
