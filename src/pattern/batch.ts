import { sha256Hex } from '../lib/index.ts';
import { formOf } from './form.ts';
import { KeyTable } from './key-table.ts';
import { KnownTemplates } from './known.ts';
import { lineKey, lineKeyResult, valuesMax } from './line-key.ts';
import { mineTemplates, type PatternSample, templateOf } from './mine.ts';
import { messageCharsMax, wildcard } from './tokens.ts';
import { examplesMax, Wording } from './wording.ts';

/** A template of a batch of messages. */
export interface BatchTemplate {
  /** Stays the same as long as the template's text does. */
  id: string;
  template: string;
  count: number;
  example: string;
}

/** Different wordings that are remembered; what comes beyond is compared with the templates of the others. */
export const wordingsMax = 50_000;
/** With more wordings than this, what never varies in the examples is not sure to vary in no message. */
const sureWordingsMax = 4_000;
const examplesPerBatchMax = 50_000;
/** Templates that are added for messages beyond `wordingsMax`; what comes later is one template that fits everything. */
const addedMax = 50_000;
/** UTF-8 needs up to this many bytes for one of the characters that are read. */
const bytesPerCharMax = 3;

/** Name of a template: 64 bits of the hash of its text, in hexadecimal. */
export const templateId = (template: string): string => sha256Hex(template).slice(0, 16);

/** Collects messages, then tells the templates of all of them; memory is bounded by wordings, not by messages. */
export class PatternBatch {
  readonly #table: KeyTable;
  readonly #wordings: Wording[] = [];
  /** The examples show every value that varies. */
  #sure = true;

  constructor(max = wordingsMax) {
    this.#table = new KeyTable(max);
  }

  /** Number of the message's wording; -1 when it is one too many, then ask `MinedBatch.match`. */
  add(bytes: Buffer, start: number, end: number): number {
    lineKey(bytes, start, end);
    const index = this.#table.add(lineKeyResult.low, lineKeyResult.high);
    if (index < 0) return -1;
    const wording = this.#wordings[index];
    if (wording !== undefined) {
      wording.add(() => textOf(bytes, start, end));
      return index;
    }
    const made = new Wording(textOf(bytes, start, end));
    this.#wordings.push(made);
    if (lineKeyResult.values > valuesMax) this.#sure = false;
    if (this.#sure && this.#wordings.length > sureWordingsMax) {
      this.#sure = false;
      for (const each of this.#wordings) each.forgetExtremes();
    }
    if (!this.#sure) made.forgetExtremes();
    return index;
  }

  mine(): MinedBatch {
    const each = Math.max(1, Math.min(examplesMax, Math.floor(examplesPerBatchMax / this.#wordings.length)));
    const samples: PatternSample[] = [];
    for (const [index, wording] of this.#wordings.entries())
      for (const [at, message] of (this.#sure ? wording.all() : wording.some(each)).entries())
        samples.push({ shape: String(index), message, count: at === 0 ? wording.count : 0 });
    const { templates } = mineTemplates(samples, [], { complete: this.#sure, quotedIsValue: false });
    const ordered = templates.toSorted((a, b) => b.count - a.count || (a.template < b.template ? -1 : 1));
    const ofWording = new Int32Array(this.#wordings.length);
    for (const [index, mined] of ordered.entries())
      for (const shape of mined.shapes) ofWording[Number(shape)] = index;
    return new MinedBatch(
      ordered.map(({ template, count, example }) => ({ id: templateId(template), template, count, example })),
      ofWording,
    );
  }
}

const textOf = (bytes: Buffer, start: number, end: number): string =>
  bytes.toString('utf8', start, Math.min(end, start + bytesPerCharMax * messageCharsMax));

export class MinedBatch {
  /** The commonest first. */
  readonly templates: BatchTemplate[];
  /** Index of the template of each wording. */
  readonly ofWording: Int32Array;
  #known: KnownTemplates | null = null;
  readonly #index = new Map<string, number>();
  #added = 0;

  constructor(templates: BatchTemplate[], ofWording: Int32Array) {
    this.templates = templates;
    this.ofWording = ofWording;
  }

  /** Index of the template that fits a message whose wording was one too many; one of its own when none does. */
  match(message: string): number {
    if (this.#known === null) {
      this.#known = new KnownTemplates(this.templates.map(({ template }) => template));
      for (const [index, { template }] of this.templates.entries()) this.#index.set(template, index);
    }
    const own = () => (this.#added < addedMax ? templateOf(message) : wildcard);
    const template = this.#known.fit([formOf(message)]) ?? own();
    let index = this.#index.get(template);
    if (index === undefined) {
      this.#added++;
      index = this.templates.length;
      this.templates.push({ id: templateId(template), template, count: 0, example: message });
      this.#index.set(template, index);
    }
    const found = this.templates[index];
    if (found) found.count++;
    return index;
  }
}
