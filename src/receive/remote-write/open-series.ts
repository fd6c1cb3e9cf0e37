import { cutAt } from '../otlp/attributes.ts';
import { textOf, type Wire } from '../otlp/wire.ts';
import { familyType } from './metadata.ts';

/** The series that is being read; reused, so that a series costs no object. */
export const series = {
  start: 0,
  end: 0,
  samples: 0,
  histograms: 0,
  exemplars: 0,
  type: 0,
  help: 0,
  unit: 0,
  created: 0,
};

/** Metadata { type = 1, help_ref = 3, unit_ref = 4 } of version 2. */
export function readSeriesMetadata(wire: Wire, end: number): void {
  while (wire.position < end) {
    const tag = wire.tag(end);
    if (tag !== 0x08 && tag !== 0x18 && tag !== 0x20) {
      wire.skip(tag, end);
      continue;
    }
    wire.varint(end);
    if (tag === 0x08) series.type = familyType(wire.low);
    else if (tag === 0x18) series.help = wire.unsigned();
    else series.unit = wire.unsigned();
  }
}

export function shortText(wire: Wire, end: number, bytesMax: number): string {
  const stop = wire.length(end);
  const start = wire.position;
  wire.position = stop;
  return textOf(wire.bytes, start, stop - start > bytesMax ? cutAt(wire.bytes, start, bytesMax) : stop);
}
