import type { DetailStore } from '../../detail/index.ts';
import { ClewError, type Clock } from '../../lib/index.ts';
import type { TimeWindow } from '../../model/index.ts';
import { mineExamples } from './mine-examples.ts';
import type { PatternSetup } from './setup.ts';
import { serviceShapes } from './shapes.ts';

/** Messages that a setup is tried with, the commonest. */
const shapesMax = 1_000;
const shownMax = 50;

export interface TriedSetup {
  /** Different messages (by shape) that were read. */
  messages: number;
  /** Templates without any setup, and with this one. */
  templatesPlain: number;
  templates: number;
  examples: { template: string; count: number; example: string }[];
}

/** What a setup would make of the messages of an application; changes nothing. */
export async function tryOut(
  deps: { detail: DetailStore; clock: Clock },
  tenant: string,
  window: TimeWindow,
  service: string,
  setup: PatternSetup,
): Promise<TriedSetup> {
  const samples = await serviceShapes(deps.detail, tenant, window, service, shapesMax);
  const counts = new Map(samples.map((sample) => [sample.shape, sample.count]));
  const examples = samples.map(({ shape, message }) => ({ shape, service, body: message }));
  const mine = (setups: PatternSetup[]) =>
    mineExamples(examples, {
      countOf: (shape) => counts.get(shape) ?? 0,
      setups: setups.map((each) => ({ service, setup: each, updatedAt: 0, updatedBy: '' })),
      known: [],
      clock: deps.clock,
    });
  const tried = mine([setup]);
  const failure = tried.failed.get(service);
  if (failure !== undefined) throw new ClewError('unprocessable', failure);
  const sorted = [...tried.templates].sort((a, b) => b.count - a.count);
  return {
    messages: samples.length,
    templatesPlain: mine([]).templates.length,
    templates: sorted.length,
    examples: sorted
      .slice(0, shownMax)
      .map(({ template, count, example }) => ({ template, count, example: example.slice(0, 500) })),
  };
}
