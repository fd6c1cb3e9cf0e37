import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { engineNumbers, highestIn, ingestNumbers, openSegmentNumbers } from './numbers.ts';
import { dataPath, fillEventIds, parseSegmentName, positionBits, rowsPerSegmentLimit } from './segment.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'clew-numbers-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe('segment numbers of two writers', () => {
  it('never meet, and every EventId of both is different and below 2^63', () => {
    expect(engineNumbers.last).toBeLessThan(ingestNumbers.first);
    const bytes = new Uint8Array(8);
    fillEventIds(bytes, 1, ingestNumbers.last, rowsPerSegmentLimit - 1);
    const largest = new DataView(bytes.buffer).getBigUint64(0, true);
    expect(largest).toBe((1n << 63n) - 1n);
    expect((BigInt(engineNumbers.last) << BigInt(positionBits)) | 0xff_ffffn).toBe((1n << 62n) - 1n);
  });

  it('have file names of twelve digits, so that they sort and are found again', () => {
    for (const { first, last } of [engineNumbers, ingestNumbers])
      for (const number of [first, last]) {
        const name = { number, table: 'otel_logs' } as const;
        expect(parseSegmentName(dataPath('', name))).toEqual(name);
      }
  });

  it('go on where a store from before there were ranges has stopped', async () => {
    await writeFile(join(dir, 'next-segment'), '196609');
    const numbers = await openSegmentNumbers(dir, 131_080);
    expect(numbers.next()).toBe(196_609);
  });

  it('begin at their own range, and after a restart above all that were given', async () => {
    const first = await openSegmentNumbers(dir, 0, ingestNumbers);
    expect([first.next(), first.next()]).toEqual([ingestNumbers.first, ingestNumbers.first + 1]);
    const again = await openSegmentNumbers(dir, 0, ingestNumbers);
    expect(again.next()).toBeGreaterThan(ingestNumbers.first + 1);
    expect(Number(await readFile(join(dir, 'next-segment'), 'utf8'))).toBeGreaterThan(again.next());
  });

  it('go on above the files when the counter is lost, and are not led astray by those of the other writer', async () => {
    const seen = [7, ingestNumbers.first + 90];
    expect((await openSegmentNumbers(dir, highestIn(engineNumbers, seen))).next()).toBe(8);
    await rm(join(dir, 'next-segment'));
    const above = highestIn(ingestNumbers, seen);
    expect((await openSegmentNumbers(dir, above, ingestNumbers)).next()).toBe(ingestNumbers.first + 91);
  });

  it("refuse the other writer's counter instead of giving its numbers twice", async () => {
    await writeFile(join(dir, 'next-segment'), '5000');
    await expect(openSegmentNumbers(dir, 0, ingestNumbers)).rejects.toThrow(/does not hold a number from/);
  });
});
