import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Logger } from '../lib/index.ts';
import { replayedSegments, tornBytes } from './events.ts';
import {
  eachUnanswered,
  type Handed,
  handedDir,
  ingestDir,
  listed,
  listedQuarantine,
  readHanded,
  settleHandOver,
} from './hand-over.ts';
import { engineNumbers, highestIn } from './numbers.ts';
import type { Repeats } from './repeats.ts';
import { type ClosedSegment, parseSegmentName, recoverSegment, type SegmentName } from './segment.ts';

export interface RecoverOptions {
  clock: Clock;
  log: Logger;
  besideIngest?: boolean;
}

export interface FoundSegments {
  /** Ours: closed, and to be inserted. */
  segments: ClosedSegment[];
  /** Largest number that the engine's own process gave. */
  highest: number;
  quarantined: number;
  /** Of the other process, where there is one. */
  handed: Handed | undefined;
}

/** Everything in the write-ahead log. Where no other process takes in, what one left behind is ours. */
export async function recoverAll(
  walDir: string,
  options: RecoverOptions,
  repeats: Repeats,
): Promise<FoundSegments> {
  const before = names(await readdir(walDir));
  const segments = await recoverFolder(walDir, walDir, options, repeats);
  let handed: Handed | undefined;
  if (options.besideIngest === true) handed = await foundHanded(walDir);
  else segments.push(...(await adopt(walDir, options, repeats)));
  // Damaged segments have come to those of before.
  const quarantine = names(await listedQuarantine(walDir));
  const numbers = [...before, ...quarantine].map((name) => name.number);
  const highest = highestIn(engineNumbers, numbers);
  return { segments, highest, quarantined: quarantine.length, handed };
}

const names = (files: readonly string[]): SegmentName[] =>
  files.map(parseSegmentName).filter((name) => name !== undefined);

/** Any of them may have been inserted before this process ended. */
async function foundHanded(walDir: string): Promise<Handed> {
  const { segments, unfinished } = await readHanded(handedDir(walDir));
  replayedSegments.inc(segments.length);
  return { segments: segments.map((segment) => ({ ...segment, replayed: true })), unfinished };
}

async function adopt(walDir: string, options: RecoverOptions, repeats: Repeats): Promise<ClosedSegment[]> {
  await settleHandOver(walDir);
  repeats.adopt(ingestDir(walDir));
  await eachUnanswered(walDir, (request, table) => repeats.expect(request, table));
  return [
    ...(await recoverFolder(handedDir(walDir), walDir, options, repeats)),
    ...(await recoverFolder(ingestDir(walDir), walDir, options, repeats)),
  ];
}

async function recoverFolder(
  dir: string,
  walDir: string,
  options: RecoverOptions,
  repeats: Repeats,
): Promise<ClosedSegment[]> {
  const segments: ClosedSegment[] = [];
  for (const file of (await listed(dir)).toSorted()) {
    const name = parseSegmentName(file);
    if (name === undefined) continue;
    const path = join(dir, file);
    const { rows, bytes } = await recoverFile(path, name, { log: options.log, walDir, repeats });
    if (rows === 0) continue;
    replayedSegments.inc();
    segments.push({ ...name, path, rows, bytes, since: options.clock.now(), replayed: true });
  }
  return segments;
}

/** One segment as the process before left it: its requests may come again, and what is damaged is set aside and told. */
export async function recoverFile(
  path: string,
  { table }: SegmentName,
  { log, walDir, repeats }: { log: Logger; walDir: string; repeats: Repeats },
): Promise<{ rows: number; bytes: number }> {
  const recovered = await recoverSegment(path, join(walDir, 'quarantine'));
  const { rows, bytes, copiedTo } = recovered;
  if (copiedTo !== undefined)
    log.error({ segment: path, copiedTo, rows }, 'segment is damaged; a copy was set aside');
  for (const request of recovered.requests) repeats.expect(request, table);
  tornBytes.inc(recovered.tornBytes);
  return { rows, bytes };
}
