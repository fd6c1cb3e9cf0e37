/**
 * How right and how quick the diagnosis is: `clew diagnose DIR --json` on every bundle of the given sets and on made-up
 * incidents, each as a process of its own that does not see the truth.
 *
 *   npm run bench:diagnosis -- [--data DIR] [--generated N] [--seed N] [--json FILE] [--markdown FILE] [--keep DIR] [--hold] [-v]
 *
 * With `--hold` every bundle is judged again a little otherwise (rows lost, noticed late, …), in this process.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { spread } from '../statistics.ts';
import { generate } from './generate.ts';
import { holdOf, holdTable } from './hold.ts';
import { type Judged, judge, type Summary, summarize, table } from './score.ts';

const main = join(import.meta.dirname, '../../src/cli/main.ts');
const answerBytesMax = 1 << 28;

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    generated: { type: 'string', default: '91' },
    seed: { type: 'string', default: '1' },
    json: { type: 'string' },
    markdown: { type: 'string' },
    keep: { type: 'string' },
    hold: { type: 'boolean', default: false },
    verbose: { type: 'boolean', short: 'v', default: false },
  },
});

const work = mkdtempSync(join(tmpdir(), 'diagnosis-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));

/** The command without work: what of each run is starting up. */
function startUpMs(): number {
  const times = Array.from({ length: 5 }, () => {
    const started = performance.now();
    execFileSync(process.execPath, [main, 'version'], { stdio: 'ignore' });
    return performance.now() - started;
  });
  return spread(times).median;
}

function runBundle(set: string, dir: string): Judged {
  const name = basename(dir);
  const copy = join(work, 'bundle');
  rmSync(copy, { recursive: true, force: true });
  cpSync(dir, copy, { recursive: true, filter: (path) => basename(path) !== 'truth.json' });
  const started = performance.now();
  const run = spawnSync(process.execPath, [main, 'diagnose', copy, '--json'], {
    encoding: 'utf8',
    maxBuffer: answerBytesMax,
  });
  const ms = performance.now() - started;
  const judged = judge(
    set,
    name,
    readFileSync(join(dir, 'truth.json'), 'utf8'),
    run.status === 0 ? run.stdout : null,
    ms,
  );
  if (values.verbose || judged.failed)
    process.stderr.write(
      `${set}/${name}: ${judged.failed ? `FAILED ${run.stderr.slice(0, 300)}` : judged.told} ${Math.round(ms)} ms\n`,
    );
  return judged;
}

function bundlesOf(dir: string): string[] {
  return readdirSync(dir)
    .toSorted()
    .map((name) => join(dir, name))
    .filter((path) => existsSync(join(path, 'truth.json')));
}

const start = startUpMs();
const summaries: Summary[] = [];
const held: Awaited<ReturnType<typeof holdOf>> = [];
if (values.data !== undefined)
  for (const set of readdirSync(values.data).toSorted()) {
    const bundles = set.startsWith('.') ? [] : bundlesOf(join(values.data, set));
    if (bundles.length === 0) continue;
    if (values.hold) held.push(...(await holdOf(set, bundles, Number(values.seed))));
    summaries.push(
      summarize(
        set,
        bundles.map((dir) => runBundle(set, dir)),
        start,
      ),
    );
  }
const made = Number(values.generated);
if (made > 0) {
  const dir = values.keep ?? join(work, 'generated');
  generate(dir, made, Number(values.seed));
  if (values.hold) held.push(...(await holdOf('generated', bundlesOf(dir), Number(values.seed))));
  summaries.push(
    summarize(
      `generated (seed ${values.seed})`,
      bundlesOf(dir).map((path) => runBundle('generated', path)),
      start,
    ),
  );
}
process.stdout.write(table(summaries));
if (values.hold) process.stdout.write(`\n${holdTable(held)}`);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(summaries, null, 1)}\n`);
if (values.markdown !== undefined)
  writeFileSync(
    values.markdown,
    `# Diagnosis\n\nWritten by \`npm run bench:diagnosis\` on ${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores. Times are those of a bundle after start-up (${Math.round(start)} ms).\nAC@k: a right resource is among the first k. A verdict is right when it names a cause where there is one, \`external\` or \`inconclusive\` where that is the truth.\nThe engine was made beside the public sets, so their figures flatter; the made-up incidents of this seed it had not seen.\n\n${table(summaries, true)}${holdText()}`,
  );

function holdText(): string {
  return values.hold
    ? `\n## A little otherwise\n\nThe same bundles with rows lost, a late notice, noise, harmless changes and the like: share of right answers, and in brackets by how much the right cause leads the best wrong one (median).\n\n${holdTable(held, true)}`
    : '';
}
