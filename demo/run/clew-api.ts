import { z } from 'zod';

/** The part of Clew's API that the demo watches. Times are epoch milliseconds or ISO texts; both are read. */
const time = z.union([z.number(), z.string().transform((text) => Date.parse(text))]);

const caseRow = z.looseObject({
  id: z.string(),
  number: z.number().nullish(),
  title: z.string().default(''),
  status: z.string(),
  created_at: time,
});
export type CaseRow = z.infer<typeof caseRow>;

const caseDetail = z.looseObject({
  ...caseRow.shape,
  updated_at: time.nullish(),
  closed_at: time.nullish(),
  parked_reason: z.string().nullish(),
  signals: z
    .array(
      z.looseObject({
        title: z.string().default(''),
        detected_at: time.nullish(),
        detectedAt: time.nullish(),
      }),
    )
    .default([]),
  verdict: z
    .looseObject({
      verdict: z.string(),
      at: time.nullish(),
      scope: z.looseObject({ summary: z.string().default('') }).nullish(),
      causes: z
        .array(
          z.looseObject({
            resource: z.string(),
            kind: z.string(),
            score: z.number(),
            reasons: z.array(z.looseObject({ text: z.string() })).default([]),
          }),
        )
        .default([]),
    })
    .nullish(),
  plan: z.looseObject({ title: z.string(), risk_score: z.number().nullish() }).nullish(),
  gate: z
    .looseObject({
      decision: z.string().nullish(),
      reasons: z.array(z.string()).default([]),
      needs_person: z.boolean().default(false),
    })
    .nullish(),
  steps: z
    .array(
      z.looseObject({
        seq: z.number(),
        action: z.string(),
        title: z.string().nullish(),
        status: z.string(),
        error: z.unknown(),
      }),
    )
    .default([]),
  verification: z
    .looseObject({
      status: z.string(),
      window_s: z.number().nullish(),
      objectives: z
        .array(z.looseObject({ id: z.string(), holds: z.boolean().nullish(), value: z.number().nullish() }))
        .default([]),
    })
    .nullish(),
});
export type CaseDetail = z.infer<typeof caseDetail>;

const requestTimeoutMs = 10_000;

export class ClewApi {
  readonly #base: string;

  constructor(base: string) {
    this.#base = `${base}/api/v1`;
  }

  async cases(): Promise<CaseRow[]> {
    return z.object({ data: z.array(caseRow) }).parse(await this.#get('/case')).data;
  }

  async case(id: string): Promise<CaseDetail> {
    return z.object({ data: caseDetail }).parse(await this.#get(`/case/${encodeURIComponent(id)}`)).data;
  }

  /** Names of the services that Clew has heard of. */
  async services(): Promise<string[]> {
    const rows = z.object({ data: z.array(z.looseObject({ service: z.string() })) });
    return rows.parse(await this.#get('/services')).data.map(({ service }) => service);
  }

  async #get(path: string): Promise<unknown> {
    const response = await fetch(`${this.#base}${path}`, { signal: AbortSignal.timeout(requestTimeoutMs) });
    if (!response.ok) throw new Error(`GET ${path} answered ${response.status}: ${await response.text()}`);
    return response.json();
  }
}
