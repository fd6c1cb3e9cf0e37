import { z } from 'zod';
import { answerIn, fullDiagnosis, readBundleTexts } from '../diagnose/bundle/index.ts';
import type { Indicator } from '../diagnose/index.ts';
import { askedLanguage, languageQuery } from './language.ts';
import type { RouteGroup } from './server.ts';

/** An incident of some hundred thousand rows; larger ones are for the command, which reads files as a stream. */
const bodyBytesMax = 67_108_864;

const file = z.string().optional();
const body = z.strictObject({
  meta: z.record(z.string(), z.unknown()).describe('What meta.json holds; incident_at at least.'),
  files: z
    .strictObject({
      'metrics.csv': file,
      'logs.ndjson': file,
      'spans.ndjson': file,
      'calls.csv': file,
      'topology.csv': file,
      'events.ndjson': file,
    })
    .default({})
    .describe('The files of a bundle as text; every one is optional.'),
});
const evidence = z.array(z.object({ dim: z.string(), ref: z.string() }));
const answer = z.looseObject({
  verdict: z.enum(['root_cause', 'external', 'inconclusive']),
  onset: z.string(),
  causes: z.array(
    z.looseObject({
      resource: z.string(),
      kind: z.string(),
      change: z.string().nullable(),
      score: z.number(),
      layer: z.string(),
      reasons: z.array(z.string()),
      evidence,
    }),
  ),
  checks: z.array(z.looseObject({ layer: z.string(), check: z.string(), status: z.string(), evidence })),
  layers: z.array(
    z.looseObject({
      layer: z.string(),
      status: z.enum(['finding', 'quiet', 'no_data']),
      excluded: z.boolean(),
      findings: z.array(
        z.looseObject({ check: z.string(), resource: z.string(), text: z.string(), evidence }),
      ),
      quiet: z.array(z.string()),
      no_data: z.array(z.string()),
    }),
  ),
});

/** Diagnosis of an incident that is sent along: the same as `clew diagnose` on a directory. Register under `/api/v1`. */
export function diagnoseFileRoutes({ indicators }: { indicators: readonly Indicator[] }): RouteGroup {
  return async (app) => {
    app.post(
      '/diagnose/files',
      {
        bodyLimit: bodyBytesMax,
        schema: {
          tags: ['diagnosis'],
          summary: 'What broke and why, from the files of an incident',
          description: 'Nothing of it is stored.',
          body,
          querystring: languageQuery,
          response: { 200: z.object({ data: answer }) },
        },
      },
      async (request) => {
        const files = Object.fromEntries(
          Object.entries(request.body.files).flatMap(([name, text]) =>
            text === undefined ? [] : [[name, text]],
          ),
        );
        const incident = await readBundleTexts(JSON.stringify(request.body.meta), files);
        const data = answerIn(askedLanguage(request), fullDiagnosis(incident, indicators).answer);
        return { data: answer.parse(data) };
      },
    );
  };
}
