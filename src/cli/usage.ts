/** What the commands say of themselves, and what follows from it: help for one of them, which flags it knows. */
import { ClewError } from '../lib/index.ts';

/** Of all commands. A command loads only what it needs, and this needs all of them. */
export async function wholeUsage(): Promise<string> {
  const [
    deadLetters,
    lint,
    pipeline,
    diagnose,
    patterns,
    patternsLive,
    anomalies,
    bundle,
    topology,
    jobs,
    priors,
  ] = await Promise.all([
    import('./dead-letters.ts'),
    import('./lint.ts'),
    import('./pipeline.ts'),
    import('./diagnose.ts'),
    import('./patterns.ts'),
    import('./patterns-live.ts'),
    import('./anomalies.ts'),
    import('./bundle.ts'),
    import('./topology.ts'),
    import('./jobs.ts'),
    import('./priors.ts'),
  ]);
  return `clew — from a symptom to a verified fix

  clew serve [--config FILE] [--<setting> VALUE …]   run Clew (settings: docs/reference/configuration.md)
  clew demo [--fault NAME] [--headless] [--json] [--list-faults]
                                                     run the demo shop, break it, watch it being repaired
${deadLetters.deadLettersUsage}
${lint.lintUsage}
${pipeline.pipelineUsage}
${diagnose.diagnoseUsage}
${patterns.patternsUsage}
${patternsLive.patternsLiveUsage}
${anomalies.anomaliesUsage}
${bundle.bundleUsage}
${topology.topologyUsage}
${jobs.jobsUsage}
${priors.priorsUsage}
  clew bench ingest|validate [options]               measure ingest; run the validation plan (clew bench help)
  clew version
  clew help

Commands that ask a running Clew take --url URL (default http://127.0.0.1:8080) and the token in CLEW_AUTH_TOKEN.
Exit codes: 0 done, 1 failed, 2 wrong usage.
`;
}

/** The names of the commands, in the order of the usage. */
export function commandsOf(usage: string): string[] {
  return [...new Set([...usage.matchAll(/^ {2}clew ([a-z-]+)/gm)].map(([, name = '']) => name))];
}

/** The paragraphs of one command; '' when there is no such command. */
export function usageOf(command: string, usage: string): string {
  let own = false;
  const lines = usage.split('\n').filter((line) => {
    const [, name] = /^ {2}clew ([a-z-]+)/.exec(line) ?? [];
    if (name !== undefined) own = name === command;
    else if (!line.startsWith('   ')) own = false;
    return own;
  });
  return lines.join('\n');
}

export function refuseUnknownCommand(command: string, usage: string): never {
  throw new ClewError(
    'bad_request',
    `There is no command "${command}"; there are ${commandsOf(usage).join(', ')}. "clew help" tells what each does.`,
  );
}

/** A flag that a command does not know would otherwise be a silent typing error. `more`: beside those of its usage. */
export function refuseUnknownFlags(
  flags: Readonly<Record<string, string>>,
  own: string,
  more: readonly string[] = [],
): void {
  const known = new Set([...own.matchAll(/--([a-z][a-z-]*)/g)].map(([, name = '']) => name).concat(more));
  const strange = Object.keys(flags).find((name) => !known.has(name));
  if (strange !== undefined) throw new ClewError('bad_request', `There is no flag --${strange}.\n${own}`);
}
