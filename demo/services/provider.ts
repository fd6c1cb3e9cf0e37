/**
 * The payment provider: another company's system, which sends no telemetry. Its outage is switched on by a message
 * from the supervisor, for which no change is ever announced.
 */

import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { listen, send } from '../lib/http-raw.ts';
import { endWithParent, type ToProcess, tell } from '../lib/process.ts';
import { readSettings } from '../lib/settings.ts';

/** A card authorisation goes around the world once. */
const answerMs = { least: 200, most: 340 };
/** In an outage most requests are turned away, some never get an answer, a few still work. */
const outage = { refused: 0.75, hanging: 0.15 };

let mode = 'normal';
process.on('message', (message: ToProcess) => {
  if (message.type === 'config' && message.key === 'mode') mode = message.value;
});

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  request.resume();
  const chance = Math.random();
  if (mode === 'outage' && chance < outage.hanging) return;
  if (mode === 'outage' && chance < outage.hanging + outage.refused) {
    await sleep(40);
    return send(response, { status: 503, body: { error: 'service_unavailable' } });
  }
  await sleep(answerMs.least + Math.random() * (answerMs.most - answerMs.least));
  send(response, { status: 201, body: { authorization: randomUUID() } });
}

const server = createServer((request, response) => void handle(request, response));
server.keepAliveTimeout = 60_000;
endWithParent(async () => {
  server.close();
});
tell({ type: 'ready', port: await listen(server, readSettings().port) });
