import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { testSeed } from '../../../test/support/seed.ts';
import { textOf, Wire } from '../otlp/wire.ts';
import { readScrapeFile } from './config.ts';
import { type ScrapeCounts, TargetSeries } from './series.ts';
import { targetsOf } from './target.ts';
import { WriteRequest } from './write-request.ts';

const staleHigh = 0x7ff00000;

/** Name of the series and value (`end` for a stale marker) of each sample of a request, read from the definition. */
function samplesOf(out: WriteRequest): [string, number | 'end'][] {
  const samples: [string, number | 'end'][] = [];
  for (const { body } of out.take()) {
    const wire = new Wire(body);
    while (wire.position < body.length) {
      const tag = wire.tag(body.length);
      if (tag !== 0x0a) {
        wire.skip(tag, body.length);
        continue;
      }
      const end = wire.length(body.length);
      let name = '';
      while (wire.position < end) {
        const field = wire.tag(end);
        const stop = wire.length(end);
        if (field === 0x0a) {
          wire.position += 1;
          const nameEnd = wire.length(stop);
          const key = textOf(body, wire.position, nameEnd);
          wire.position = nameEnd + 1;
          const valueEnd = wire.length(stop);
          if (key === '__name__') name = textOf(body, wire.position, valueEnd);
        } else {
          wire.position += 1;
          wire.fixed64(stop);
          const value = Buffer.from(body).readDoubleLE(wire.position - 8);
          samples.push([name, wire.high === staleHigh && wire.low === 2 ? 'end' : value]);
        }
        wire.position = stop;
      }
    }
  }
  return samples;
}

const [job] = readScrapeFile(
  'x.yml',
  'scrape_configs: [{job_name: a, static_configs: [{targets: ["h:1"]}]}]',
).jobs;
const [target] = job === undefined ? [] : targetsOf(job, job.groups).targets;
function make() {
  if (target === undefined) throw new Error('no target');
  const budget = { used: 0, max: 10_000_000 };
  return { budget, series: new TargetSeries(target, new Map(), budget), target };
}
const counts = (): ScrapeCounts => ({ scraped: 0, afterRelabeling: 0, seriesAdded: 0, skipped: 0 });

const names = ['a', 'b', 'c', 'd'];
/** One step: the series that are served, or a failure before or inside the body, or rules that are read again. */
const stepArbitrary = fc.oneof(
  fc.record({ kind: fc.constant('serve' as const), served: fc.subarray(names) }),
  fc.record({ kind: fc.constant('broken' as const), served: fc.subarray(names) }),
  fc.record({
    kind: fc.constantFrom('failed' as const, 'reload' as const),
    served: fc.constant<string[]>([]),
  }),
);
type Step = { kind: 'serve' | 'broken' | 'failed' | 'reload'; served: string[] };
type Run = (series: TargetSeries, step: Step, at: number, out: WriteRequest) => void;

const scrapeOnce: Run = (series, step, at, out) => {
  if (step.kind === 'failed') return series.fail(at, out);
  const body = `${step.served.map((name) => `${name} ${at}\n`).join('')}${step.kind === 'broken' ? 'x !\n' : ''}`;
  try {
    series.append(Buffer.from(body), 'text', at, out, counts());
  } catch {
    out.reset();
    series.fail(at, out);
  }
};

/** Each series that was alive ends exactly once when it is not served; nothing of a broken scrape is stored; memory comes back. */
const endsOnce = (run: Run) =>
  fc.property(fc.array(stepArbitrary, { maxLength: 20 }), (steps) => {
    const { series, budget, target: at } = make();
    const out = new WriteRequest();
    let alive = new Set<string>();
    steps.forEach((step, index) => {
      if (step.kind === 'reload') {
        series.rebind(at, new Map());
        return;
      }
      run(series, step, index + 1, out);
      const served = step.kind === 'serve' ? step.served : [];
      const ended = [...alive].filter((name) => !served.includes(name));
      const expected = [...served.map((name) => [name, index + 1]), ...ended.map((name) => [name, 'end'])];
      expect(samplesOf(out).toSorted()).toEqual(expected.toSorted());
      alive = new Set(served);
    });
    series.fail(99, out);
    expect(samplesOf(out).toSorted()).toEqual([...alive].map((name) => [name, 'end']).toSorted());
    series.close();
    expect(budget.used).toBe(0);
  });

describe('the series of a target', () => {
  const seed = testSeed;

  it(`end exactly once, whatever the order of good, broken and failed scrapes and reloads (seed ${seed})`, () => {
    fc.assert(endsOnce(scrapeOnce), { seed, numRuns: 500 });
  });

  it('canary: the property catches a scraper that keeps what a broken scrape had', () => {
    const keeps: Run = (series, step, at, out) =>
      scrapeOnce(series, step.kind === 'broken' ? { ...step, kind: 'serve' } : step, at, out);
    expect(fc.check(endsOnce(keeps), { seed: 1, numRuns: 500 }).failed).toBe(true);
  });

  it('of 2 500 names give one request per half megabyte', () => {
    const { series } = make();
    const out = new WriteRequest();
    const body = Array.from({ length: 2_500 }, (_, i) => `a{i="${i}",pad="${'x'.repeat(300)}"} 1\n`).join('');
    series.append(Buffer.from(body), 'text', 1, out, counts());
    const chunks = out.take();
    expect(chunks.length).toBeGreaterThan(1);
    expect(chunks.reduce((sum, chunk) => sum + chunk.samples, 0)).toBe(2_500);
    for (const chunk of chunks) expect(chunk.body.length).toBeLessThan(600_000);
  });
});
