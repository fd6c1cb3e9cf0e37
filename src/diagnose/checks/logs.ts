import { sentence, severities } from '../../model/index.ts';
import {
  type Check,
  chart,
  clamp,
  hit,
  noData,
  number,
  outcome,
  rate,
  ratioStrength,
  rowsOf,
} from './check.ts';

/** Log volume per service, and which shape makes it; new and growing error shapes. */
const volumeFactor = 3;
const volumeMin = 5;
const errorLevel = 4;
const newShapeRecordsMin = 3;

export const logVolume: Check = {
  id: 'log_volume',
  layer: 'application',
  run(picture) {
    const logging = picture.services.filter((service) => service.series.logs.some((n) => n > 0));
    if (logging.length === 0) return noData(sentence('log_volume.no_data', {}));
    const hits = logging.flatMap((service) => {
      const { baseline, incident } = service.logRate;
      if (incident < volumeFactor * baseline || incident - baseline < volumeMin) return [];
      const traffic = rate(service.incident) / Math.max(0.1, rate(service.baseline));
      if (service.baseline.requests > 0 && incident / Math.max(baseline, 0.01) < volumeFactor * traffic)
        return [];
      const added = service.logRate.levels.map((level) => level.incident - level.baseline);
      const level = added.indexOf(Math.max(...added));
      const flood = service.shapes.find((shape) => shape.level === level) ?? service.shapes[0];
      if (!flood) return [];
      const share = (added[level] ?? 0) / (incident - baseline);
      const errorShare = added.slice(errorLevel).reduce((sum, rise) => sum + rise, 0) / (incident - baseline);
      return [
        hit({
          service: service.service,
          resource: service.urn,
          strength: ratioStrength(incident / Math.max(baseline, 0.5)),
          says: sentence('log_volume.flood', {
            service: service.service,
            now: number(incident),
            before: number(baseline),
            added: number(added[level] ?? 0),
            level: severities[flood.level] ?? '',
            sample: withoutValues(flood.sample),
          }),
          values: { ratio: incident / Math.max(baseline, 0.5), share, errorShare: clamp(errorShare) },
          facts: {
            shape: flood.shape,
            sample: flood.sample.slice(0, 200),
            severity: severities[flood.level] ?? '',
          },
          evidence: [
            {
              dim: 'log',
              resource: service.urn,
              filter: rowsOf(picture, 'otel_logs', { ServiceName: service.service, Shape: flood.shape }),
              series: chart(service, picture, 'logs'),
            },
          ],
        }),
      ];
    });
    return outcome(hits, sentence('log_volume.ok', {}));
  },
};

/** Tokens with digits are most often values; a storm of one message then reads as one. */
const withoutValues = (sample: string): string => sample.slice(0, 120).replace(/\S*\d\S*/g, '<*>');

export const logPatterns: Check = {
  id: 'log_patterns',
  layer: 'application',
  run(picture) {
    if (!picture.services.some((service) => service.shapes.length > 0))
      return noData(sentence('log_pattern.no_data', {}));
    const span = (picture.window.to - picture.window.from) / 1000;
    const hits = picture.services.flatMap((service) =>
      service.shapes
        .filter(
          (shape) =>
            shape.level >= errorLevel &&
            shape.incidentRate * span >= newShapeRecordsMin &&
            shape.incidentRate > 5 * shape.baselineRate,
        )
        .slice(0, 3)
        .map((shape) => {
          const fresh = shape.baselineRate === 0;
          const seen = {
            service: service.service,
            sample: shape.sample.slice(0, 120),
            rate: number(shape.incidentRate),
          };
          return hit({
            service: service.service,
            resource: service.urn,
            strength: fresh ? 0.7 : 0.5,
            says: fresh
              ? sentence('log_pattern.new', seen)
              : sentence('log_pattern.grown', { ...seen, before: number(shape.baselineRate) }),
            facts: { shape: shape.shape, sample: shape.sample.slice(0, 200) },
            evidence: [
              {
                dim: 'log',
                resource: service.urn,
                filter: rowsOf(picture, 'otel_logs', { ServiceName: service.service, Shape: shape.shape }),
              },
            ],
          });
        }),
    );
    return outcome(hits, sentence('log_pattern.ok', {}));
  },
};
