import { createHmac, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ClewError } from '../../lib/index.ts';

const header = 'x-hub-signature-256';
/** Its body is read before it can be known whether the sender may send; most have some ten kilobytes. */
const signedBytesMax = 1_048_576;

/**
 * GitHub sends no credentials but signs its webhooks with a secret: where that is our token, the signature is as good. Hooks of
 * the routes that `isSigned` names; before those of the door.
 */
export function acceptSignatures(
  app: FastifyInstance,
  secret: string,
  isSigned: (request: FastifyRequest) => boolean,
): void {
  if (secret === '') return;
  const unproved = new WeakSet<FastifyRequest>();
  app.addHook('onRequest', async (request) => {
    const { headers } = request;
    if (typeof headers[header] !== 'string' || headers.authorization !== undefined || !isSigned(request))
      return;
    if (!(Number(headers['content-length']) <= signedBytesMax)) return;
    unproved.add(request);
    headers.authorization = `Bearer ${secret}`;
  });
  app.addHook('preHandler', async (request) => {
    if (!unproved.has(request)) return;
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    const expected = Buffer.from(`sha256=${createHmac('sha256', secret).update(body).digest('hex')}`);
    const given = Buffer.from(String(request.headers[header]));
    if (given.length === expected.length && timingSafeEqual(given, expected)) return;
    throw new ClewError(
      'unauthenticated',
      `The signature ${header} is not that of the body with auth.token as its secret.`,
    );
  });
}
