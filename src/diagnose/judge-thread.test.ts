import { expect, it } from 'vitest';
import { incidentWith, shopRequest } from '../../test/support/incident.ts';
import type { Incident } from './incident.ts';
import { JudgeThread } from './judge-thread.ts';
import { judge } from './rank/judge.ts';
import { fullDiagnosis } from './report/index.ts';

const onset = Date.UTC(2026, 2, 3, 10, 0, 0);

/** Requests of `shop`, which fails from the onset on. */
function incidentOf(requests: number): Incident {
  const spans = Array.from({ length: requests }, (_, i) => {
    const start = onset - 600_000 + (i * 900_000) / requests;
    const status = start >= onset && i % 2 === 0 ? 'ERROR' : 'OK';
    return shopRequest(i, { start, status, attributes: { 'http.route': '/cart' } });
  });
  const window = { from: onset, to: onset + 300_000 };
  const baseline = { from: onset - 600_000, to: onset };
  return incidentWith({ at: onset, window, baseline, spans });
}

it('an incident is judged in a thread as it is here, and one after the other', async () => {
  const thread = new JudgeThread();
  const incidents = [incidentOf(500), incidentOf(5_001)];
  const judged = await Promise.all(incidents.map((incident) => thread.judge(incident)));
  for (const [i, incident] of incidents.entries()) {
    const { verdict, causes } = judge(incident);
    expect(causes[0]?.resource).toBe('shop');
    expect(judged[i]).toEqual({ verdict, causes });
    expect(await thread.answer(incident, [])).toEqual(fullDiagnosis(incident, []).answer);
  }
});

it('of incidents with the same rows each is judged by its own symptom', async () => {
  const thread = new JudgeThread();
  const first = incidentOf(500);
  const second = {
    ...first,
    symptom: { service: 'shop', metric: 'error_ratio', stat: '' },
    at: onset + 60_000,
  };
  for (const incident of [first, second, incidentOf(600), second]) {
    const { verdict, causes } = judge(incident);
    expect(await thread.judge(incident)).toEqual({ verdict, causes });
  }
});

it('while an incident is judged the main thread answers', async () => {
  const thread = new JudgeThread();
  const incident = incidentOf(60_000);
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  const began = performance.now();
  await thread.judge(incident);
  const took = performance.now() - began;
  clearInterval(timer);
  expect(longest).toBeLessThan(took / 3);
});

it('an incident that can not be judged is refused, and the next one is judged', async () => {
  const thread = new JudgeThread();
  const broken = { ...incidentOf(10), window: { from: onset } as Incident['window'], series: [{}] };
  await expect(thread.judge(broken as unknown as Incident)).rejects.toThrow('could not be judged');
  expect((await thread.judge(incidentOf(500))).causes[0]?.resource).toBe('shop');
});
