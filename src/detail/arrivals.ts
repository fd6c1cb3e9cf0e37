import type { DetailTable, EpochMs } from '../model/index.ts';
import type { Engine } from './engine.ts';
import { positionBits } from './segment.ts';

/** Tables partitioned by their rows' time: the engine keeps the least and largest time of every part of them. */
const timedTables: readonly DetailTable[] = [
  'otel_logs',
  'otel_traces',
  'metric_samples',
  'metric_histograms',
];

/** Segments remembered per table between two looks; beyond, a look takes more rows for new than are. */
const segmentsMax = 20_000;
/** Minutes of one look and table; a sender that repeats a year is told of over several looks of the same rows. */
const minutesMax = 50_000;

/** Attempts of one look at a table whose parts are merged away under it; then the next look goes on. */
const attemptsMax = 5;

export interface LateMinute {
  table: DetailTable;
  tenant: string;
  /** Start of the minute that got rows. */
  from: EpochMs;
}

export interface ArrivalLook {
  late: LateMinute[];
  /** Rows older than `since`, by table. */
  tooLate: Partial<Record<DetailTable, number>>;
  /** To be given to the next look, once this one's minutes are noted. */
  seen: Partial<Record<DetailTable, number>>;
  /** The minutes are noted. */
  done(): void;
}

export interface ArrivalQuestion {
  tables: readonly DetailTable[];
  /** As the last look answered; a table that is missing is looked at from now on. */
  seen: Readonly<Partial<Record<DetailTable, number>>>;
  /** Rows before this came late … */
  before: EpochMs;
  /** … but those before this are only counted. */
  since: EpochMs;
}

/** Which minutes got rows since the last look. Costs a look at the parts' bounds, and the ingest path nothing. */
export interface Arrivals {
  look(question: ArrivalQuestion): Promise<ArrivalLook>;
}

interface Part {
  table: DetailTable;
  name: string;
  partition: string;
  active: boolean;
  level: number;
  first: number;
  last: number;
  fromMs: EpochMs;
  toMs: EpochMs;
}

interface MinuteRow {
  tenant: string;
  minute: string;
  n: string;
}

/** Rows to be asked for: of whole parts, and of merged parts only those of new segments in a span of time. */
interface Suspects {
  whole: string[];
  merged: string[];
  mergedFrom: EpochMs;
}

/**
 * Every insert makes a part with the next number of its table, and a part knows its least time. So a look compares numbers
 * and times of the few new parts; rows are read only where a part began before `before`. A new part may have been merged
 * with older ones before it was looked at: then its rows are told apart by their segment, which is in the EventId.
 */
export class ArrivalLog implements Arrivals {
  readonly #engine: Engine;
  /** Segments since the last look, and whether they are inserted. */
  readonly #segments = new Map<DetailTable, Map<number, boolean>>();
  /** Tables of which there were too many to remember. */
  readonly #overflown = new Set<DetailTable>();
  /** False until the first look is done: segments of the process before are not known. */
  #knowsAll = false;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** The segment waits to be inserted. */
  added(table: DetailTable, number: number): void {
    if (!timedTables.includes(table)) return;
    const known = this.#segments.get(table) ?? new Map<number, boolean>();
    this.#segments.set(table, known);
    if (known.size < segmentsMax) known.set(number, false);
    else this.#overflown.add(table);
  }

  inserted(table: DetailTable, number: number): void {
    const known = this.#segments.get(table);
    if (known?.has(number)) known.set(number, true);
  }

  async look(question: ArrivalQuestion): Promise<ArrivalLook> {
    // Noted before the newest number is asked for: a segment that is inserted in between belongs to the next look.
    const overflown = [...this.#overflown];
    const inserted = [...this.#segments].map(
      ([table, known]) => [table, [...known].filter(([, done]) => done).map(([n]) => n)] as const,
    );
    const newest = await this.#newest(question.tables);
    const again = new Set<DetailTable>();
    const look: ArrivalLook = {
      late: [],
      tooLate: {},
      seen: {},
      done: () => {
        for (const [table, numbers] of inserted)
          if (!again.has(table)) for (const number of numbers) this.#segments.get(table)?.delete(number);
        for (const table of overflown) if (!again.has(table)) this.#overflown.delete(table);
        this.#knowsAll = true;
      },
    };
    for (const table of question.tables) {
      const now = newest.get(table) ?? 0;
      const seen = question.seen[table];
      look.seen[table] = now;
      // A smaller number than before: the store was emptied, or is another one.
      if (seen === undefined || now <= seen) continue;
      if (await this.#lookAt(table, seen, question, look)) continue;
      look.seen[table] = seen;
      again.add(table);
    }
    return look;
  }

  async #newest(tables: readonly DetailTable[]): Promise<Map<DetailTable, number>> {
    const rows = await this.#rows<{ table: DetailTable; newest: string }>(
      `SELECT table, max(max_block_number) AS newest FROM system.parts
        WHERE database = currentDatabase() AND table IN (${tables.map((table) => `'${table}'`).join(', ')}) GROUP BY table`,
    );
    return new Map(rows.map((row) => [row.table, Number(row.newest)]));
  }

  /** False when parts were merged away under each of its attempts: then the same rows are looked for at the next look. */
  async #lookAt(
    table: DetailTable,
    seen: number,
    question: ArrivalQuestion,
    look: ArrivalLook,
  ): Promise<boolean> {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const suspects = suspectsOf(await this.#newParts(table, seen), seen, question);
      const names = [...suspects.whole, ...suspects.merged];
      if (names.length === 0) return true;
      const rows = await this.#rowsOf(table, suspects, question);
      // A part that was merged away before the rows were read gave none; its rows are in a part of another name.
      if (!(await this.#allActive(table, names))) continue;
      for (const row of rows) {
        const from = Number(row.minute) * 1_000;
        if (from === 0) look.tooLate[table] = (look.tooLate[table] ?? 0) + Number(row.n);
        else look.late.push({ table, tenant: row.tenant, from });
      }
      return true;
    }
    return false;
  }

  async #rowsOf(
    table: DetailTable,
    suspects: Suspects,
    { before, since }: ArrivalQuestion,
  ): Promise<MinuteRow[]> {
    const time = (ms: EpochMs) => `fromUnixTimestamp64Milli(toInt64(${ms}), 'UTC')`;
    const conditions = [
      suspects.whole.length > 0 ? `_part IN (${quoted(suspects.whole)})` : '',
      suspects.merged.length > 0
        ? `(_part IN (${quoted(suspects.merged)}) AND Timestamp >= ${time(suspects.mergedFrom)}${this.#knownSegments(table)})`
        : '',
    ].filter((condition) => condition !== '');
    return this.#rows<MinuteRow>(
      `SELECT Tenant AS tenant, if(Timestamp < ${time(since)}, 0, toUnixTimestamp(toStartOfMinute(Timestamp))) AS minute, count() AS n
         FROM ${table} WHERE Timestamp < ${time(before)} AND (${conditions.join(' OR ')})
        GROUP BY tenant, minute ORDER BY minute LIMIT ${minutesMax}`,
    );
  }

  async #allActive(table: DetailTable, names: readonly string[]): Promise<boolean> {
    const [row] = await this.#rows<{ n: string }>(
      `SELECT count() AS n FROM system.parts
        WHERE database = currentDatabase() AND table = '${table}' AND active AND name IN (${quoted(names)})`,
    );
    return Number(row?.n ?? 0) === names.length;
  }

  /** A condition for rows of the segments since the last look; none where they are not known. */
  #knownSegments(table: DetailTable): string {
    const known = this.#segments.get(table);
    if (!this.#knowsAll || this.#overflown.has(table) || !known) return '';
    if (known.size === 0) return '';
    return ` AND bitShiftRight(EventId, ${positionBits}) IN (${[...known.keys()].join(', ')})`;
  }

  async #newParts(table: DetailTable, seen: number): Promise<Part[]> {
    const rows = await this.#rows<Record<string, string | number>>(
      `SELECT name, partition_id AS partition, active, level, min_block_number AS first, max_block_number AS last,
              toUnixTimestamp(min_time) AS from_s, toUnixTimestamp(max_time) AS to_s
         FROM system.parts
        WHERE database = currentDatabase() AND table = '${table}' AND max_block_number > ${seen}`,
    );
    return rows.map((row) => ({
      table,
      name: String(row.name),
      partition: String(row.partition),
      active: Number(row.active) === 1,
      level: Number(row.level),
      first: Number(row.first),
      last: Number(row.last),
      fromMs: Number(row.from_s) * 1_000,
      toMs: (Number(row.to_s) + 1) * 1_000,
    }));
  }

  async #rows<Row>(sql: string): Promise<Row[]> {
    const answer: { data: Row[] } = JSON.parse(
      await this.#engine.run('query', `${sql} SETTINGS log_comment = 'arrivals'`),
    );
    return answer.data;
  }
}

const quoted = (names: readonly string[]): string => names.map((name) => `'${name}'`).join(', ');

/** Where late rows may be. `parts` are those whose last number is new, also ones that were merged away since. */
export function suspectsOf(
  parts: readonly Pick<
    Part,
    'name' | 'partition' | 'active' | 'level' | 'first' | 'last' | 'fromMs' | 'toMs'
  >[],
  seen: number,
  { before, since }: { before: EpochMs; since: EpochMs },
): Suspects {
  const single = parts.filter((part) => part.first === part.last);
  const lateSingle = single.filter((part) => part.fromMs < before);
  const suspects: Suspects = { whole: [], merged: [], mergedFrom: before };
  const suspect = (part: { name: string }, from: EpochMs) => {
    if (!suspects.merged.includes(part.name)) suspects.merged.push(part.name);
    suspects.mergedFrom = Math.min(suspects.mergedFrom, from);
  };
  const numbers = new Set(single.map((part) => part.first));
  for (const part of lateSingle) if (part.active) suspects.whole.push(part.name);
  for (const part of parts) {
    if (!part.active || part.first === part.last || part.fromMs >= before) continue;
    const inside = lateSingle.filter(
      (one) => one.partition === part.partition && one.first >= part.first && one.last <= part.last,
    );
    for (const one of inside) suspect(part, Math.max(one.fromMs, since));
    // An insert whose own part is gone already: nobody can say any more when its rows begin.
    const firstNew = Math.max(part.first, seen + 1);
    for (let number = firstNew; number <= part.last; number++) {
      if (numbers.has(number)) continue;
      suspect(part, Math.max(part.fromMs, since));
      break;
    }
  }
  return suspects;
}
