import { createHash } from 'node:crypto';
import { mineTemplates } from './mine.ts';

/** A template of a batch of messages. */
export interface BatchTemplate {
  /** Stays the same as long as the template's text does. */
  id: string;
  template: string;
  count: number;
  example: string;
}

/** Name of a template: 64 bits of the hash of its text, in hexadecimal. */
export const templateId = (template: string): string =>
  createHash('sha256').update(template).digest('hex').slice(0, 16);

/** Collects messages, then tells the templates of all of them. */
export class PatternBatch {
  readonly #groups = new Map<string, { index: number; message: string; count: number }>();
  readonly #groupOfLine: number[] = [];

  add(message: string): void {
    const key = message;
    let group = this.#groups.get(key);
    if (!group) {
      group = { index: this.#groups.size, message, count: 0 };
      this.#groups.set(key, group);
    }
    group.count++;
    this.#groupOfLine.push(group.index);
  }

  /** Templates, the commonest first, and the index of the template of each message. */
  mine(): { templates: BatchTemplate[]; ofMessages: Iterable<number> } {
    const samples = [...this.#groups.values()].map(({ index, message, count }) => ({
      shape: String(index),
      message,
      count,
    }));
    const { templates } = mineTemplates(samples, [], { complete: true });
    const ordered = templates.toSorted((a, b) => b.count - a.count || (a.template < b.template ? -1 : 1));
    const ofGroup = new Int32Array(this.#groups.size);
    for (const [index, mined] of ordered.entries())
      for (const shape of mined.shapes) ofGroup[Number(shape)] = index;
    return {
      templates: ordered.map(({ template, count, example }) => ({
        id: templateId(template),
        template,
        count,
        example,
      })),
      ofMessages: this.#groupOfLine.map((group) => ofGroup[group] ?? 0),
    };
  }
}
