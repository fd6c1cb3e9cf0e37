/** The thread of `JudgeThread`: takes the rows of an incident piece by piece, then judges it. */
import { parentPort } from 'node:worker_threads';
import type { Incident } from './incident.ts';
import type { JudgeAnswer, JudgeRequest } from './judge-thread.ts';
import { judge } from './rank/judge.ts';
import { fullDiagnosis } from './report/judged.ts';

let spans: Incident['spans'] = [];
let logs: Incident['logs'] = [];

function take(request: JudgeRequest): JudgeAnswer | null {
  if (request.kind === 'clear') {
    spans = [];
    logs = [];
  } else if (request.kind === 'spans') for (const span of request.rows) spans.push(span);
  else if (request.kind === 'logs') for (const log of request.rows) logs.push(log);
  else {
    const incident = { ...request.incident, spans, logs };
    if (request.kind === 'answer')
      return { kind: 'answered', answer: fullDiagnosis(incident, request.indicators).answer };
    const { verdict, causes } = judge(incident);
    return { kind: 'judged', judged: { verdict, causes } };
  }
  return null;
}

parentPort?.on('message', (request: JudgeRequest) => {
  try {
    const answer = take(request);
    if (answer !== null) parentPort?.postMessage(answer);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    parentPort?.postMessage({ kind: 'failed', message } satisfies JudgeAnswer);
  }
});
