import type { Incident } from './incident.ts';
import { type Answer, answerOf } from './rank/answer.ts';
import { judge } from './rank/judge.ts';

/** From the rows of an incident to an answer; pure, so the same rows always get the same answer. */
export const diagnoseIncident = (incident: Incident): Answer => answerOf(incident, judge(incident));
