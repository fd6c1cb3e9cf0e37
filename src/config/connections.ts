import { z } from 'zod';

/** What a connection of the HTTP ports (API, OTLP/HTTP) may take, so that slow and idle peers don't keep others out. */
export const connectionsSchema = z
  .strictObject({
    max: z.coerce
      .number()
      .int()
      .min(1)
      .default(4_096)
      .describe('Open connections per port (API, OTLP/HTTP, OTLP/gRPC); further ones are closed at once.'),
    headersSMax: z.coerce
      .number()
      .int()
      .min(1)
      .default(15)
      .describe(
        'Longest time until the headers of a request are there, seconds; then the connection is closed.',
      ),
    requestSMax: z.coerce
      .number()
      .int()
      .min(1)
      .default(60)
      .describe(
        'Longest time until the body of a request is there whole, seconds; then it is answered 503 (OTLP/gRPC: DEADLINE_EXCEEDED) and closed. Uploads of the journal may take any time.',
      ),
    idleSMax: z.coerce
      .number()
      .int()
      .min(1)
      .default(75)
      .describe('Longest time that a connection may stay open between two requests, seconds.'),
  })
  .refine((limits) => limits.headersSMax <= limits.requestSMax, {
    message:
      'connections.headers_s_max is larger than connections.request_s_max: headers are a part of the request',
  })
  .prefault({});
