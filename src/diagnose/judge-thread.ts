import { Worker } from 'node:worker_threads';
import { ClewError, oneByOne, systemClock } from '../lib/index.ts';
import type { Incident } from './incident.ts';
import type { Indicator } from './indicators/index.ts';
import type { Judgement } from './rank/judge.ts';
import type { FullAnswer } from './report/index.ts';

/** What a live case needs of a judgement. */
export type Judged = Pick<Judgement, 'verdict' | 'causes'>;

export type JudgeRequest =
  | { kind: 'clear' }
  | { kind: 'spans'; rows: Incident['spans'] }
  | { kind: 'logs'; rows: Incident['logs'] }
  | { kind: 'judge'; incident: Incident }
  | { kind: 'answer'; incident: Incident; indicators: readonly Indicator[] };
export type JudgeAnswer =
  | { kind: 'judged'; judged: Judged }
  | { kind: 'answered'; answer: FullAnswer }
  | { kind: 'failed'; message: string };

/** Rows handed over at a time: some milliseconds of the main thread. */
const rowsPerMessage = 2_000;
const answerMsMax = 60_000;
/** Cases come in flocks; after so long without one the thread ends. */
const idleMsMax = 10_000;
const heapMbMax = 1_024;
const youngMbMax = 16;

/**
 * Judges in a thread of its own, one incident after the other: it takes up to a second of a core, in which the main thread
 * answers senders. The thread ends some seconds after the last one, and its memory with it.
 */
export class JudgeThread {
  #worker: Worker | null = null;
  readonly #oneByOne = oneByOne();
  #waiting = 0;
  #idle = new AbortController();
  /** The rows that the thread holds: incidents of a flock have them in common, and only the rest is sent. Weak, for here nobody needs them any more. */
  #sent: { spans: WeakRef<Incident['spans']>; logs: WeakRef<Incident['logs']> } | null = null;

  async judge(incident: Incident): Promise<Judged> {
    const answer = await this.#inTurn(incident, (rest) => ({ kind: 'judge', incident: rest }));
    if (answer.kind === 'judged') return answer.judged;
    throw notJudged('its answer is another');
  }

  /** The same as `fullDiagnosis`, without its charts. */
  async answer(incident: Incident, indicators: readonly Indicator[]): Promise<FullAnswer> {
    const answer = await this.#inTurn(incident, (rest) => ({ kind: 'answer', incident: rest, indicators }));
    if (answer.kind === 'answered') return answer.answer;
    throw notJudged('its answer is another');
  }

  #endWhenIdle(): void {
    this.#idle = new AbortController();
    const { signal } = this.#idle;
    void systemClock.sleep(idleMsMax, signal).then(() => (signal.aborted ? undefined : this.#end()));
  }

  async #inTurn(incident: Incident, request: (rest: Incident) => JudgeRequest): Promise<JudgeAnswer> {
    this.#waiting++;
    this.#idle.abort();
    try {
      return await this.#oneByOne(() => this.#ask(incident, request));
    } finally {
      if (--this.#waiting === 0) this.#endWhenIdle();
    }
  }

  async #ask(incident: Incident, request: (rest: Incident) => JudgeRequest): Promise<JudgeAnswer> {
    this.#worker ??= started();
    const worker = this.#worker;
    const told = answerOf(worker);
    const send = (message: JudgeRequest): void => worker.postMessage(message);
    const { spans, logs } = incident;
    if (this.#sent?.spans.deref() !== spans || this.#sent.logs.deref() !== logs) {
      this.#sent = { spans: new WeakRef(spans), logs: new WeakRef(logs) };
      send({ kind: 'clear' });
      for (const rows of parts(spans)) await turnAfter(() => send({ kind: 'spans', rows }));
      for (const rows of parts(logs)) await turnAfter(() => send({ kind: 'logs', rows }));
    }
    send(request({ ...incident, spans: [], logs: [] }));
    const over = new AbortController();
    const late = systemClock.sleep(answerMsMax, over.signal).then(() => null);
    const answer = await Promise.race([told, late]).finally(() => over.abort());
    if (answer !== null && answer.kind !== 'failed') return answer;
    await this.#end();
    throw notJudged(answer === null ? `it takes longer than ${answerMsMax / 1_000} s` : answer.message);
  }

  async #end(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    this.#sent = null;
    await worker?.terminate();
  }
}

function started(): Worker {
  const worker = new Worker(new URL('./judge-worker.ts', import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: heapMbMax, maxYoungGenerationSizeMb: youngMbMax },
  });
  worker.unref();
  // Somebody has to listen for errors; one that comes when nothing is asked is of no answer.
  worker.on('error', () => undefined);
  return worker;
}

function answerOf(worker: Worker): Promise<JudgeAnswer> {
  return new Promise((resolve) => {
    const failed = (error: Error): void => done({ kind: 'failed', message: error.message });
    const ended = (): void => done({ kind: 'failed', message: 'its thread ended' });
    const done = (answer: JudgeAnswer): void => {
      worker.off('message', done).off('error', failed).off('exit', ended);
      resolve(answer);
    };
    worker.on('message', done).on('error', failed).on('exit', ended);
  });
}

const parts = <Row>(rows: readonly Row[]): Row[][] =>
  Array.from({ length: Math.ceil(rows.length / rowsPerMessage) }, (_, i) =>
    rows.slice(i * rowsPerMessage, (i + 1) * rowsPerMessage),
  );

/** Lets what came in meanwhile be answered. */
const turnAfter = (work: () => void): Promise<void> =>
  new Promise((resolve) => {
    work();
    setImmediate(resolve);
  });

const notJudged = (why: string): ClewError =>
  new ClewError('unavailable', `The incident could not be judged: ${why}.`);
