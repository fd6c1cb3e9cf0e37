import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type Language, languageOf, languages } from '../model/index.ts';

/** `lang` of a request; without it the language that the header `Accept-Language` asks for. */
export const languageQuery = z.strictObject({
  lang: z
    .enum(languages)
    .optional()
    .describe('The language of sentences; without it that of Accept-Language, else English.'),
});

export function askedLanguage(request: FastifyRequest): Language {
  const asked = languageQuery.safeParse(request.query);
  return (asked.success ? asked.data.lang : undefined) ?? languageOf(request.headers['accept-language']);
}
