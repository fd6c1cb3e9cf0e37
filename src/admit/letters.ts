import { type Clock, isClewError, type Logger, oneByOne } from '../lib/index.ts';
import { type Block, type DetailTable, detailTables } from '../model/index.ts';
import {
  fixLetter,
  type Letter,
  type LetterFix,
  LetterReader,
  type LetterReading,
  type MakeReceivers,
} from '../receive/index.ts';
import { lettersDone } from './events.ts';
import { type LetterState, letterStateBlock, type StateChange } from './letter-states.ts';

/** A letter as it lies in the store. */
export interface StoredLetter extends Letter {
  /** EventId, decimal. */
  id: string;
  state: LetterState;
  /** Only the start of the payload was kept. */
  cut: boolean;
}

export interface LettersOptions {
  clock: Clock;
  log: Logger;
  /** Resolves when the block is durable. */
  append: (block: Block) => Promise<void>;
  /** Resolves when everything appended before can be read. */
  flush: () => Promise<void>;
  /** Segments that are written whole or not at all; the detail store's. */
  segments: {
    reserve(): number;
    write(number: number, blocks: readonly Block[]): Promise<void>;
    has(number: number, table: DetailTable): Promise<boolean>;
  };
  /** Letters of these ids that exist. */
  load: (tenant: string, ids: readonly string[]) => Promise<StoredLetter[]>;
  /** Letters whose replay was begun and not noted as done. */
  unsettled: (tenant: string) => Promise<{ letterId: string; batch: string }[]>;
  makeReceivers: MakeReceivers;
}

export type LetterOutcome = 'replayed' | 'refused' | 'discarded' | 'not_open' | 'not_found';

export interface LetterResult {
  id: string;
  outcome: LetterOutcome;
  /** Why it was not replayed; '' when it was. */
  reason: string;
  /** Records that were stored from it. */
  records: number;
}

export interface Letters {
  /** Sends letters again through the receivers that refused them, each with the edits applied. */
  replay(tenant: string, ids: readonly string[], fixes: readonly LetterFix[]): Promise<LetterResult[]>;
  /** Marks letters as not wanted any more. */
  discard(tenant: string, ids: readonly string[]): Promise<LetterResult[]>;
}

/** What a replay is about to write: one segment for each table. Noted before, so that a crash can be settled. */
interface Batch {
  segments: Partial<Record<DetailTable, number>>;
  fixes: readonly LetterFix[];
}

interface Read {
  letter: StoredLetter;
  blocks: Block[];
  records: number;
}

/** Letters loaded at a time: with the largest payloads 25 MB. */
const lettersPerLoad = 100;
/** Columns of one batch in memory. */
const batchBytesMax = 33_554_432;

/**
 * Replaying in three steps, each durable before the next: the intent (letters, numbers of the segments to come), the
 * segments, the note that it is done. A segment is there whole or not at all, so after a crash at any point the numbers
 * tell what is missing: nothing is stored twice, and a letter stays open until its rows are on disk.
 */
export function createLetters(options: LettersOptions): Letters {
  // Two replays of the same letter would both find it open.
  const inTurn = oneByOne();
  return {
    replay: (tenant, ids, fixes) =>
      inTurn(async () => {
        await options.flush();
        await settle(options, tenant);
        const results: LetterResult[] = [];
        for (let at = 0; at < ids.length; at += lettersPerLoad)
          results.push(...(await replaySome(options, tenant, ids.slice(at, at + lettersPerLoad), fixes)));
        await options.flush();
        return results;
      }),
    discard: (tenant, ids) =>
      inTurn(async () => {
        await options.flush();
        await settle(options, tenant);
        const results: LetterResult[] = [];
        for (let at = 0; at < ids.length; at += lettersPerLoad)
          results.push(...(await discardSome(options, tenant, ids.slice(at, at + lettersPerLoad))));
        await options.flush();
        return results;
      }),
  };
}

async function replaySome(
  options: LettersOptions,
  tenant: string,
  ids: readonly string[],
  fixes: readonly LetterFix[],
): Promise<LetterResult[]> {
  const results: LetterResult[] = [];
  const reader = new LetterReader(options.makeReceivers);
  let batch: Read[] = [];
  let bytes = 0;
  try {
    for (const letter of await openLetters(options, tenant, ids, results)) {
      const reading = await readLetter(reader, letter, fixes);
      if (reading.kind === 'refused') {
        results.push(resultOf(letter, 'refused', reading.reason));
        continue;
      }
      batch.push({ letter, blocks: reading.blocks, records: reading.records });
      bytes += bytesOf(reading.blocks);
      if (bytes < batchBytesMax) continue;
      results.push(...(await store(options, batch, fixes)));
      batch = [];
      bytes = 0;
    }
    if (batch.length > 0) results.push(...(await store(options, batch, fixes)));
  } finally {
    await reader.close();
  }
  return results;
}

async function readLetter(
  reader: LetterReader,
  letter: StoredLetter,
  fixes: readonly LetterFix[],
): Promise<LetterReading> {
  if (letter.cut) {
    const reason = 'only the start of it was kept, so it can only be sent again by its sender';
    return { kind: 'refused', reason };
  }
  let fixed: Letter;
  try {
    fixed = fixLetter(letter, fixes);
  } catch (error) {
    if (isClewError(error)) return { kind: 'refused', reason: error.message };
    throw error;
  }
  return reader.read(fixed);
}

/** The letters that wait; of the others it is said why not. */
async function openLetters(
  options: LettersOptions,
  tenant: string,
  ids: readonly string[],
  results: LetterResult[],
): Promise<StoredLetter[]> {
  const found = await options.load(tenant, ids);
  for (const id of ids) {
    if (!found.some((letter) => letter.id === id))
      results.push({ id, outcome: 'not_found', reason: 'there is no dead letter of that id', records: 0 });
  }
  for (const letter of found) {
    if (letter.state !== 'open') results.push(resultOf(letter, 'not_open', `it is ${letter.state} already`));
  }
  return found.filter((letter) => letter.state === 'open');
}

async function store(
  options: LettersOptions,
  batch: readonly Read[],
  fixes: readonly LetterFix[],
): Promise<LetterResult[]> {
  const blocks = byTable(batch.flatMap((read) => read.blocks));
  const plan: Batch = { segments: {}, fixes };
  for (const table of blocks.keys()) plan.segments[table] = options.segments.reserve();
  const letters = batch.map(({ letter }) => letter);
  await note(options, letters, 'replaying', JSON.stringify(plan));
  for (const [table, own] of blocks) await options.segments.write(plan.segments[table] ?? 0, own);
  await note(options, letters, 'replayed', '');
  lettersDone.inc({ outcome: 'replayed' }, letters.length);
  return batch.map(({ letter, records }) => ({ ...resultOf(letter, 'replayed', ''), records }));
}

async function discardSome(
  options: LettersOptions,
  tenant: string,
  ids: readonly string[],
): Promise<LetterResult[]> {
  const results: LetterResult[] = [];
  const letters = await openLetters(options, tenant, ids, results);
  if (letters.length > 0) await note(options, letters, 'discarded', '');
  lettersDone.inc({ outcome: 'discarded' }, letters.length);
  return [...results, ...letters.map((letter) => resultOf(letter, 'discarded', ''))];
}

/** Ends replays that a crash or a full disk cut short: what is missing of a batch is written, or the letters are open again. */
async function settle(options: LettersOptions, tenant: string): Promise<void> {
  const begun = new Map<string, string[]>();
  for (const { letterId, batch } of await options.unsettled(tenant))
    begun.set(batch, [...(begun.get(batch) ?? []), letterId]);
  for (const [text, ids] of begun) {
    const plan: Batch = JSON.parse(text);
    const missing = await missingTables(options, plan);
    const letters = ids.map((id) => ({ tenant, id }));
    if (missing.length === Object.keys(plan.segments).length) {
      await note(options, letters, 'open', '');
      continue;
    }
    if (missing.length > 0 && !(await complete(options, tenant, ids, plan, missing))) continue;
    await note(options, letters, 'replayed', '');
    lettersDone.inc({ outcome: 'replayed' }, ids.length);
  }
  if (begun.size > 0) await options.flush();
}

async function missingTables(options: LettersOptions, plan: Batch): Promise<DetailTable[]> {
  const missing: DetailTable[] = [];
  for (const table of detailTables) {
    const number = plan.segments[table];
    if (number !== undefined && !(await options.segments.has(number, table))) missing.push(table);
  }
  return missing;
}

/** The letters are read again as they were, and only the tables that are missing are written, under their own numbers. */
async function complete(
  options: LettersOptions,
  tenant: string,
  ids: readonly string[],
  plan: Batch,
  missing: readonly DetailTable[],
): Promise<boolean> {
  const reader = new LetterReader(options.makeReceivers);
  const blocks: Block[] = [];
  try {
    for (const letter of await options.load(tenant, ids)) {
      const reading = await readLetter(reader, letter, plan.fixes);
      if (reading.kind === 'read') blocks.push(...reading.blocks);
      else {
        options.log.error(
          { letter: letter.id, reason: reading.reason },
          'a replay that was cut short can not be ended: the letter is refused now',
        );
        return false;
      }
    }
  } finally {
    await reader.close();
  }
  const grouped = byTable(blocks);
  for (const table of missing) {
    const number = plan.segments[table];
    if (number !== undefined) await options.segments.write(number, grouped.get(table) ?? []);
  }
  return true;
}

function byTable(blocks: readonly Block[]): Map<DetailTable, Block[]> {
  const grouped = new Map<DetailTable, Block[]>();
  for (const block of blocks) grouped.set(block.table, [...(grouped.get(block.table) ?? []), block]);
  return grouped;
}

const bytesOf = (blocks: readonly Block[]): number =>
  blocks.reduce((sum, block) => sum + block.bytes.byteLength, 0);

const resultOf = (letter: { id: string }, outcome: LetterOutcome, reason: string): LetterResult => ({
  id: letter.id,
  outcome,
  reason,
  records: 0,
});

function note(
  options: LettersOptions,
  letters: readonly { tenant: string; id: string }[],
  state: LetterState,
  batch: string,
): Promise<void> {
  const changes = letters.map(({ tenant, id }): StateChange => ({ tenant, letterId: id, state, batch }));
  return options.append(letterStateBlock(changes, options.clock.now()));
}
