import type { Clock } from '../../lib/index.ts';
import { type MinedTemplate, mineTemplates } from '../../pattern/index.ts';
import { createPreparer, type NamedSetup, type PatternSetup, setupOf } from './setup.ts';

export interface Example {
  shape: string;
  service: string;
  body: string;
}

interface MineOptions {
  countOf: (shape: string) => number;
  setups: readonly NamedSetup[];
  /** Templates that exist; a message that one of them fits takes it. */
  known: readonly string[];
  clock: Clock;
}

export interface MinedExamples {
  templates: MinedTemplate[];
  /** Why the messages of an application could not be mined, by service. */
  failed: Map<string, string>;
}

/**
 * Mines examples of shapes, those of applications with a setup of their own apart from the others. One application that
 * can't be mined does not keep the others from it.
 */
export function mineExamples(examples: readonly Example[], options: MineOptions): MinedExamples {
  const groups = new Map<PatternSetup, Example[]>();
  for (const example of examples) {
    const setup = setupOf(options.setups, example.service);
    const group = groups.get(setup);
    if (group) group.push(example);
    else groups.set(setup, [example]);
  }
  const failed = new Map<string, string>();
  const byTemplate = new Map<string, MinedTemplate>();
  for (const [setup, group] of groups) {
    try {
      for (const mined of mineGroup(group, setup, options)) {
        const same = byTemplate.get(mined.template);
        byTemplate.set(mined.template, same ? joined(same, mined) : mined);
      }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      for (const { service } of group) failed.set(service, reason);
    }
  }
  return { templates: [...byTemplate.values()], failed };
}

/** `example` of the answer is the message as it came, not as the setup reads it. */
function mineGroup(group: readonly Example[], setup: PatternSetup, options: MineOptions): MinedTemplate[] {
  const prepare = createPreparer(setup, options.clock);
  const mining = mineTemplates(
    group.map(({ shape, body }) => ({ shape, message: prepare(body), count: options.countOf(shape) })),
    options.known,
  );
  const bodyOf = new Map(group.map(({ shape, body }) => [shape, body]));
  return mining.templates.map((mined) => {
    const commonest = [...mined.shapes].sort((a, b) => options.countOf(b) - options.countOf(a))[0];
    return { ...mined, example: bodyOf.get(commonest ?? '') ?? mined.example };
  });
}

const joined = (a: MinedTemplate, b: MinedTemplate): MinedTemplate => ({
  template: a.template,
  count: a.count + b.count,
  shapes: [...a.shapes, ...b.shapes],
  example: a.exampleCount >= b.exampleCount ? a.example : b.example,
  exampleCount: Math.max(a.exampleCount, b.exampleCount),
});
