/** The demo: Clew beside a real application that breaks. `npm run demo -- --help` tells the options. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Fault, faultNamed, faults } from '../faults/index.ts';
import { askAPerson, writeCatalog, writeIndexProgram } from './catalog.ts';
import { ClewApi } from './clew-api.ts';
import { ClewProcess } from './clew-process.ts';
import { followCase, type Outcome } from './follow.ts';
import { type DemoOptions, portOf, readOptions, UsageError, usage } from './options.ts';
import { portHint } from './ports.ts';
import { createTell, type Tell } from './progress.ts';
import { Shop } from './supervisor.ts';

/** The late decoy comes this long before the fault. */
const lateDecoyS = 8;

interface Prepared {
  clew: ClewProcess;
  shop: Shop;
  dir: string;
}

interface Stage extends Prepared {
  api: ClewApi;
}

async function prepare(options: DemoOptions, tell: Tell): Promise<Prepared> {
  const dir = mkdtempSync(join(tmpdir(), 'clew-demo-'));
  const ports = {
    http: await portHint(portOf(process.env, 'CLEW_HTTP_PORT', 8080)),
    otlpHttp: await portHint(portOf(process.env, 'CLEW_OTLP_HTTP_PORT', 4318)),
    otlpGrpc: portOf(process.env, 'CLEW_OTLP_GRPC_PORT', 0),
  };
  const shopDir = join(dir, 'shop');
  mkdirSync(shopDir);
  const shop = new Shop({
    dir: shopDir,
    log: (text) => tell({ event: 'shop', text: `shop: ${text}` }),
  });
  await shop.prepare();
  const { control, admin, provider } = shop.urls;
  const program = writeIndexProgram(dir, shop.inventoryFile);
  const catalogDir = writeCatalog(dir, {
    control,
    admin,
    provider: new URL(provider).host,
    create_index: program,
  });
  if (options.approval === 'person') askAPerson(catalogDir);
  const clew = new ClewProcess({
    dir,
    ports,
    catalogDir,
    scriptAllow: [program],
    httpAllow: [control, admin],
  });
  return { clew, shop, dir };
}

/** Normal operation, with two harmless changes in it that a diagnosis must not blame. */
async function warmUp(
  stage: Stage,
  fault: Fault,
  warmupS: number,
  tell: Tell,
  signal: AbortSignal,
): Promise<void> {
  const pause = (s: number) => sleep(Math.max(0, s) * 1_000, undefined, { signal });
  tell({ event: 'warmup', text: `normal operation for ${warmupS} s`, fields: { seconds: warmupS } });
  const early = warmupS / 3;
  await pause(early);
  await fault.decoys.early(stage.shop);
  await pause(warmupS - early - lateDecoyS);
  await fault.decoys.late(stage.shop);
  await pause(Math.min(lateDecoyS, warmupS));
  const open = (await stage.api.cases()).filter(({ status }) => status !== 'CLOSED' && status !== 'PARKED');
  for (const row of open)
    tell({
      event: 'early_case',
      text: `a case was opened before the fault: ${row.title}`,
      fields: { case: row.id },
    });
}

async function breakAndFollow(
  stage: Stage,
  fault: Fault,
  options: DemoOptions,
  tell: Tell,
  signal: AbortSignal,
): Promise<Outcome> {
  const injectedAt = Date.now();
  await fault.inject(stage.shop);
  tell({
    event: 'injected',
    text: `FAULT ${fault.name}: ${fault.description}`,
    fields: { fault: fault.name },
  });
  const { timeoutS, headless } = options;
  return followCase({ api: stage.api, injectedAt, timeoutS, headless, tell, signal });
}

const asExpected = (stage: Stage, fault: Fault, outcome: Outcome): boolean =>
  outcome.rootCause !== null &&
  outcome.rootCause.kind === fault.expected.kind &&
  fault.expected.resources(stage.shop).includes(outcome.rootCause.resource);

/** The last line of a run without a person, and whether it was right. */
function report(
  stage: Stage,
  fault: Fault,
  outcome: Outcome,
  tell: Tell,
  write: (line: string) => void,
): boolean {
  const right = asExpected(stage, fault, outcome);
  const closed = outcome.status === 'CLOSED' && outcome.verified;
  const resources = fault.expected.resources(stage.shop);
  if (!right)
    tell({
      event: 'expected',
      text: `expected as first cause: ${fault.expected.kind} of ${resources.join(' or ')}`,
      fields: { expected: { resources, kind: fault.expected.kind } },
    });
  if (!closed)
    tell({
      event: 'not_closed',
      text: `the case did not close through a passed verification; it is ${outcome.status}`,
      fields: { status: outcome.status },
    });
  write(
    JSON.stringify({
      fault: fault.name,
      case: outcome.caseId,
      root_cause: outcome.rootCause,
      detected_s: outcome.detectedS,
      diagnosed_s: outcome.diagnosedS,
      closed_s: outcome.closedS,
      verified: outcome.verified,
    }),
  );
  return right && closed;
}

/** Keys break other things while a person watches. */
function offerMenu(
  stage: Stage,
  options: DemoOptions,
  tell: Tell,
  signal: AbortSignal,
  end: () => void,
): void {
  const menu = faults.map(({ name }, index) => `${index + 1} ${name}`).join(' · ');
  if (!process.stdin.isTTY) {
    tell({ event: 'menu', text: 'the shop keeps running; Ctrl-C ends everything' });
    return;
  }
  tell({ event: 'menu', text: `press a key to break something: ${menu} · q quits` });
  let busy = false;
  process.stdin.setRawMode(true);
  process.stdin.resume();
  process.stdin.on('data', (keys: Buffer) => {
    const key = keys.toString('utf8');
    if (key === 'q' || key === '\u0003') return end();
    const fault = faults[Number(key) - 1];
    if (!fault || busy) return;
    busy = true;
    breakAndFollow(stage, fault, options, tell, signal)
      .then(
        (outcome) => tell({ event: 'outcome', text: `${fault.name}: case ${outcome.status}` }),
        (error: Error) => tell({ event: 'failed', text: error.message }),
      )
      .finally(() => {
        busy = false;
        tell({ event: 'menu', text: menu });
      });
  });
}

/** What a shell shows for Ctrl-C. */
const endedByPerson = 130;

async function run(
  options: DemoOptions,
  signal: AbortSignal,
  end: () => void,
  cleanUp: (undo: () => Promise<void>) => void,
): Promise<number> {
  const write = (line: string) => process.stdout.write(`${line}\n`);
  const tell = createTell(options.json, write);
  const fault = faultNamed(options.fault);
  if (!fault) throw new UsageError(usage);
  tell({ event: 'start', text: 'starting Clew' });
  const prepared = await prepare(options, tell);
  cleanUp(async () => {
    await prepared.shop.stop();
    await prepared.clew.stop();
    if (options.keep) process.stderr.write(`kept: ${prepared.dir}\n`);
    else rmSync(prepared.dir, { recursive: true, force: true });
  });
  await prepared.clew.ready();
  const { url, otlpUrl } = prepared.clew;
  prepared.shop.connect({ otlpEndpoint: otlpUrl, clewUrl: url });
  const stage: Stage = { ...prepared, api: new ClewApi(url) };
  tell({ event: 'clew', text: `open ${stage.clew.url} in a browser`, fields: { url: stage.clew.url } });
  await stage.shop.start();
  tell({ event: 'shop', text: `the shop is open at ${stage.shop.urls.gateway}`, fields: stage.shop.urls });
  await warmUp(stage, fault, options.warmupS, tell, signal);
  const following = breakAndFollow(stage, fault, options, tell, signal);
  const gone = stage.clew.exited.then(() => {
    if (signal.aborted) return following;
    throw new Error(`Clew ended by itself.\n${stage.clew.logTail()}`);
  });
  const outcome = await Promise.race([following, gone]);
  if (signal.aborted) return endedByPerson;
  if (options.headless) return report(stage, fault, outcome, tell, write) ? 0 : 1;
  tell({ event: 'outcome', text: `case ${outcome.status}: ${stage.clew.url}/cases`, fields: { ...outcome } });
  offerMenu(stage, options, tell, signal, end);
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  return 0;
}

async function main(): Promise<number> {
  const argv = process.argv.slice(2);
  if (argv.includes('--help')) {
    process.stdout.write(usage);
    return 0;
  }
  const options = readOptions(argv);
  if (options.listFaults) {
    process.stdout.write(`${faults.map(({ name }) => name).join('\n')}\n`);
    return 0;
  }
  const ended = new AbortController();
  const end = () => ended.abort();
  process.on('SIGINT', end);
  process.on('SIGTERM', end);
  process.on('SIGHUP', end);
  let undo = async () => {};
  try {
    return await run(options, ended.signal, end, (given) => {
      undo = given;
    });
  } catch (error) {
    if (ended.signal.aborted) return endedByPerson;
    throw error;
  } finally {
    await undo();
  }
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(error instanceof UsageError ? 2 : 1);
  },
);
