/** `clew bench validate`: the whole validation plan on a Clew of its own, with a report at the end. */
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import type { ValidateOptions, ValidatePhase } from '../../src/cli/bench-options.ts';
import { writeText } from '../ingest.ts';
import { inTemporary } from '../temporary.ts';
import { faults } from './faults.ts';
import { observability } from './observability.ts';
import type { Dimension, ValidationResult } from './plan.ts';
import { queries } from './queries.ts';
import { holds, validationMarkdown, validationPage, verdict } from './report.ts';
import { routing } from './routing.ts';
import { tenants } from './tenants.ts';
import { throughput } from './throughput.ts';
import { Trial } from './trial.ts';

/** In this order: what counts since the start comes before what starts the program again. */
const phases: Record<ValidatePhase, { run: (trial: Trial) => Promise<void>; dimension: Dimension }> = {
  throughput: { run: throughput, dimension: 'write' },
  queries: { run: queries, dimension: 'queries' },
  routing: { run: routing, dimension: 'correct' },
  tenants: { run: tenants, dimension: 'correct' },
  observability: { run: observability, dimension: 'observability' },
  faults: { run: faults, dimension: 'exceptions' },
};

/** Phases of a quick run are this part of the plan's. */
const quickScale = 1 / 6;

/** Answers whether all criteria hold. */
export async function benchValidate(
  options: ValidateOptions,
  print: (text: string) => void,
): Promise<boolean> {
  const started = performance.now();
  const at = new Date().toISOString();
  const checks = await inTemporary(options.tempDir ?? tmpdir(), 'clew-validate-', async (dir) => {
    const trial = await Trial.begin({ dir, scale: options.quick ? quickScale : 1, print });
    try {
      for (const name of options.phases) await phase(trial, name);
    } finally {
      await trial.stop();
    }
    return trial.checks;
  });
  const result: ValidationResult = {
    format: 'clew.bench.validate.v1',
    at,
    quick: options.quick,
    phases: options.phases,
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memoryBytes: totalmem(),
      node: process.version,
    },
    seconds: (performance.now() - started) / 1000,
    checks,
  };
  await writeText(join(options.out, 'validation.json'), `${JSON.stringify(result, null, 1)}\n`);
  await writeText(join(options.out, 'validation.md'), validationMarkdown(result));
  await writeText(join(options.out, 'validation.html'), validationPage(result));
  print(`\n${verdict(result)} Report: ${join(options.out, 'validation.md')}, .html, .json\n`);
  return holds(result);
}

/** A phase that can't go on is a criterion that does not hold; the phases after it are tried all the same. */
async function phase(trial: Trial, name: ValidatePhase): Promise<void> {
  try {
    await phases[name].run(trial);
  } catch (error) {
    trial.check({
      dimension: phases[name].dimension,
      chapter: '6',
      criterion: `the phase ${name} runs to its end`,
      limit: 'yes',
      measured: error instanceof Error ? error.message : String(error),
      passed: false,
      how: 'It ended with this error; what it had not checked by then is missing from the report.',
    });
    await trial.revive();
  }
}
