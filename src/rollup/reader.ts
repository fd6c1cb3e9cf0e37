import type { DetailQuery, DetailStore } from '../detail/index.ts';
import { plain } from './plain.ts';
import type { VolumeRow } from './volume.ts';

/** Runs queries of one window, counting rows and what bounds left out. */
export class Reader {
  readonly #detail: DetailStore;
  /** Raw rows of the window. */
  count = 0;
  /** Datasets that have any in the window: what has none need not be asked for the rest. */
  readonly present = new Set<VolumeRow['dataset']>();
  readonly leftOut: Record<string, number> = {};

  constructor(detail: DetailStore) {
    this.#detail = detail;
  }

  async rows<Row extends object>(query: DetailQuery): Promise<Row[]> {
    const sql = `${query.sql}\nSETTINGS ${plain}`;
    const { rows } = await this.#detail.query<Row>({ ...query, sql });
    return rows.map(storable);
  }

  countVolume(volume: readonly VolumeRow[]): void {
    for (const row of volume) {
      this.count += row.n;
      if (row.n > 0) this.present.add(row.dataset);
      this.addLeftOut(`${row.dataset}_without_name`, row.unnamed);
      this.addLeftOut(`${row.dataset}_with_long_name`, row.overlong);
      this.addLeftOut(`${row.dataset}_not_finite`, row.not_finite);
    }
  }

  /** Queries ask for one row more than the bound, to see that there is more without counting it all. */
  bounded<Row>(what: string, max: number, rows: Row[]): Row[] {
    if (rows.length > max) this.addLeftOut(what, rows.length - max);
    return rows.slice(0, max);
  }

  addLeftOut(what: string, n: number): void {
    if (n > 0) this.leftOut[what] = (this.leftOut[what] ?? 0) + n;
  }
}

/** PostgreSQL stores every text but the character U+0000; one label with it would fail the whole window. */
const clean = (value: unknown): unknown => {
  if (typeof value === 'string') return value.includes('\0') ? value.replaceAll('\0', '\uFFFD') : value;
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  return storable(value);
};

function storable<Row extends object>(row: Row): Row {
  for (const [key, value] of Object.entries(row)) {
    const cleaned = clean(value);
    if (cleaned !== value || key.includes('\0'))
      return Object.fromEntries(Object.entries(row).map(([name, each]) => [clean(name), clean(each)])) as Row;
  }
  return row;
}
