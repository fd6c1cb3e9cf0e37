/** Takes money: adds the tax, asks the outside provider, answers with the authorisation. */

import { text, whole } from '../lib/fields.ts';
import { HttpError } from '../lib/http-error.ts';
import { runService, type Service } from '../lib/service.ts';
import { asError } from '../lib/telemetry.ts';
import { taxCents } from './payments-tax.ts';

/** The provider promises an answer within half a second; a little more is its last chance. */
const providerTimeoutMs = 800;

async function authorise(service: Service, orderId: string, amountCents: number): Promise<string> {
  try {
    const { status, body } = await service.client.call({
      method: 'POST',
      base: service.config('provider.url', 'http://127.0.0.1:1'),
      path: '/v1/authorizations',
      body: { reference: orderId, amount: amountCents },
      timeoutMs: providerTimeoutMs,
    });
    if (status !== 201) throw new Error(`payment provider answered ${status}`);
    return String(body.authorization);
  } catch (cause) {
    const message = asError(cause).message;
    throw new HttpError(
      502,
      'provider_failed',
      `Charge of order ${orderId} was not authorised: ${message}`,
      cause,
    );
  }
}

await runService((service) => {
  const { telemetry, settings } = service;
  const deferred = telemetry.meter.createCounter('shop.payments.deferred', { unit: '{charge}' });

  service.route('POST /charges', async ({ body, span }) => {
    const orderId = text(body, 'orderId');
    const net = whole(body, 'amountCents');
    const amountCents = net + taxCents(settings.version, text(body, 'country'), net);
    span.setAttribute('order.id', orderId);
    // Store and forward: small amounts are taken on trust and authorised later, when the provider is back.
    if (service.config('provider.fallback', 'off') === 'on') {
      deferred.add(1);
      telemetry.log('info', `charge of order ${orderId} deferred, ${amountCents} cents`, {
        'order.id': orderId,
      });
      return { status: 201, body: { orderId, amountCents, authorization: 'deferred' } };
    }
    const authorization = await authorise(service, orderId, amountCents);
    telemetry.log('info', `charge of order ${orderId} authorised, ${amountCents} cents`, {
      'order.id': orderId,
    });
    return { status: 201, body: { orderId, amountCents, authorization } };
  });
});
