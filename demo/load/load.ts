/**
 * The customers: journeys begin independently of each other at a steady rate, whether or not earlier ones have
 * finished, as people do. It sends no telemetry.
 */
import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseBody, readText, regionHeader, sendOnce } from '../lib/http-raw.ts';
import { endWithParent, type ToProcess, tell } from '../lib/process.ts';
import { products } from '../lib/products.ts';
import { readSettings } from '../lib/settings.ts';
import { arrivalMs, type Journey, journeys, pick, type Region, regions, type Step } from './journeys.ts';

/** Beyond this many customers at once new ones turn away at the door. */
const runningMax = 300;
const timeoutMs = 8_000;
const thinkMs = { least: 150, most: 600 };
const words = ['oak lamp', 'chair', 'steel', 'small bowl', 'wool rug', 'clock', 'glass vase', 'grand table'];

const settings = readSettings();
const base = settings.peers.gateway ?? '';
const agent = new Agent({ keepAlive: true, maxSockets: runningMax });
const some = <T>(list: readonly T[]): T =>
  pick(
    list.map((value) => ({ share: 1, value })),
    Math.random(),
  ).value;

interface Customer {
  id: string;
  region: Region;
  sku: string;
  order: string;
}

function pathOf(step: Step, customer: Customer): string {
  return step.path
    .replace('{sku}', customer.sku)
    .replace('{order}', customer.order)
    .replace('{word}', encodeURIComponent(some(words)));
}

function bodyOf(step: Step, customer: Customer): string | undefined {
  if (step.body === 'item') return JSON.stringify({ sku: customer.sku, quantity: 1 });
  if (step.body === 'checkout') return JSON.stringify({ country: some(customer.region.countries) });
  return undefined;
}

/** False when the step failed: the customer gives up. */
async function take(step: Step, customer: Customer): Promise<boolean> {
  const response = await sendOnce(new URL(pathOf(step, customer), base), {
    agent,
    method: step.method,
    headers: {
      'x-user-id': customer.id,
      [regionHeader]: customer.region.name,
      'content-type': 'application/json',
    },
    payload: bodyOf(step, customer),
    timeoutMs,
  });
  const { model } = parseBody(await readText(response));
  if (step.body === 'checkout' && typeof model === 'object' && model !== null && 'id' in model)
    customer.order = String(model.id);
  return response.statusCode !== undefined && response.statusCode < 400;
}

let count = 0;
let running = 0;
let rate = Number(settings.config.rate ?? 7.2);

async function walk(journey: Journey): Promise<void> {
  const customer: Customer = {
    id: `u${process.pid}-${++count}`,
    region: pick(regions, Math.random()),
    sku: some(products).sku,
    order: '',
  };
  running++;
  try {
    for (const step of journey.steps) {
      if (!(await take(step, customer))) return;
      await sleep(thinkMs.least + Math.random() * (thinkMs.most - thinkMs.least));
    }
  } catch {
    // A customer who gets no answer goes away; the services tell their side of it.
  } finally {
    running--;
  }
}

process.on('message', (message: ToProcess) => {
  if (message.type === 'config' && message.key === 'rate') rate = Number(message.value);
});
endWithParent(async () => agent.destroy());
tell({ type: 'ready', port: 0 });
for (;;) {
  await sleep(arrivalMs(Math.max(rate, 0.1), Math.random()));
  if (running < runningMax) void walk(pick(journeys, Math.random()));
}
