import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { readBundle } from '../../src/diagnose/bundle/index.ts';
import { seeded } from '../../src/lib/index.ts';
import { faultKinds } from './faults.ts';
import { generate, makeBundle } from './generate.ts';
import { changes } from './otherwise.ts';
import { judge, summarize } from './score.ts';

const dir = mkdtempSync(join(tmpdir(), 'generated-'));
afterAll(() => rmSync(dir, { recursive: true }));
const read = (bundle: string, file: string) =>
  gunzipSync(readFileSync(join(dir, bundle, `${file}.gz`))).toString();

describe('made-up incidents', () => {
  it('are the same for the same seed', () => {
    for (const name of ['a', 'b']) makeBundle(join(dir, name), 'bad_release', 'none', seeded(7));
    for (const file of ['spans.ndjson', 'metrics.csv', 'events.ndjson'])
      expect(read('a', file)).toBe(read('b', file));
  });

  it('show each fault where its truth says: the named service is worse than before', () => {
    for (const { name, kind } of generate(join(dir, 'all'), faultKinds.length, 3)) {
      const truth = JSON.parse(readFileSync(join(dir, 'all', name, 'truth.json'), 'utf8'));
      const onset = Date.parse(
        JSON.parse(readFileSync(join(dir, 'all', name, 'meta.json'), 'utf8')).window.from,
      );
      const spans = read(join('all', name), 'spans.ndjson')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      const hurt = (late: boolean) => {
        const own = spans.filter(
          (span) => truth.services.includes(span.service) && Date.parse(span.start) >= onset === late,
        );
        const failed = own.filter((span) => span.status === 'ERROR').length;
        const ms = own.reduce((sum, span) => sum + span.duration_ms, 0);
        return {
          errors: failed / Math.max(1, own.length),
          ms: ms / Math.max(1, own.length),
          count: own.length,
        };
      };
      if (truth.verdict !== 'root_cause') {
        expect(truth.services, kind).toEqual([]);
        continue;
      }
      const [before, after] = [hurt(false), hurt(true)];
      expect(before.count, kind).toBeGreaterThan(50);
      const worse =
        after.errors > before.errors + 0.1 || after.ms > 1.5 * before.ms || after.count < before.count / 20;
      expect(worse, `${name}: ${JSON.stringify({ before, after })}`).toBe(true);
    }
  }, 60_000);
});

describe('scoring', () => {
  const answer = (verdict: string, ...causes: unknown[]) => JSON.stringify({ verdict, causes });
  const truth = JSON.stringify({ services: ['pay'], cell: 'x', change: 'abcdef1234', decoys: ['1234567'] });

  it('counts place, change and decoy, and a program that fails as wrong', () => {
    const right = judge('s', 'n', truth, answer('root_cause', { resource: 'cart' }, { resource: 'pay' }), 10);
    expect(right).toMatchObject({ rank: 2, change: false, decoy: false, verdict: true, failed: false });
    const decoy = judge('s', 'n', truth, answer('root_cause', { resource: 'pay', change: '1234567' }), 10);
    expect(decoy).toMatchObject({ rank: 1, change: false, decoy: true });
    const failed = judge('s', 'n', truth, null, 10);
    expect(failed).toMatchObject({ rank: 0, failed: true, verdict: false });
    expect(summarize('s', [right, decoy, failed], 0)).toMatchObject({
      ranks: { 'AC@1': 1 / 3, 'AC@3': 2 / 3 },
      changes: '0 of 3',
      decoys: 1,
      failed: 1,
    });
  });

  it('takes a blamed change for wrong where none is to blame', () => {
    const none = JSON.stringify({ change: null });
    expect(judge('s', 'n', none, answer('external', { resource: 'x', change: null }), 1)).toMatchObject({
      decoy: false,
      verdict: true,
    });
    expect(
      judge('s', 'n', none, answer('root_cause', { resource: 'x', change: 'abcdef1' }), 1),
    ).toMatchObject({ decoy: true, verdict: false });
  });
});

describe('an incident a little otherwise', () => {
  it('is the same for the same seed, loses rows, and keeps what its truth names', async () => {
    const made = join(dir, 'otherwise');
    makeBundle(made, 'slow_query', 'none', seeded(5));
    const whole = await readBundle(made);
    const incident = { ...whole, spans: whole.spans.slice(0, 2_000), logs: whole.logs.slice(0, 500) };
    const culprits = ['nobody'];
    for (const [change, apply] of Object.entries(changes)) {
      const [one, other] = [apply(incident, seeded(3), culprits), apply(incident, seeded(3), culprits)];
      expect(JSON.stringify(one) === JSON.stringify(other), change).toBe(true);
      expect(JSON.stringify(one) === JSON.stringify(incident), change).toBe(change === 'as it is');
    }
    const lost = changes['10 % of the spans lost']?.(incident, seeded(3), culprits);
    expect((lost?.spans.length ?? 0) / incident.spans.length).toBeCloseTo(0.9, 1);
  });
});
