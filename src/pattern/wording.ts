import { lineKeyResult, valueHashes, valuesMax } from './line-key.ts';

/** Different messages of one wording that are remembered, besides those with the extremes of each value. */
export const examplesMax = 8;

/** Line by line the smallest or the largest hash that a value of a wording had, and a message that has it. */
interface Extremes {
  hashes: Uint32Array;
  /** Of equal ones the message with the smallest hash, so that the order of messages does not matter. */
  wholes: Uint32Array;
  messages: string[];
}

/** Messages that are equal but for their values: how many, and some that show what varies in them. */
export class Wording {
  count = 1;
  /** Messages with the smallest hashes, those ascending: a choice that does not depend on the order of messages. */
  readonly #hashes: number[];
  readonly #messages: string[];
  #least: Extremes | null;
  #most: Extremes | null;

  /** The message of which `lineKey` was just asked. */
  constructor(message: string) {
    this.#hashes = [lineKeyResult.whole];
    this.#messages = [message];
    const values = Math.min(lineKeyResult.values, valuesMax);
    const extremes = (): Extremes => ({
      hashes: valueHashes.slice(0, values),
      wholes: new Uint32Array(values).fill(lineKeyResult.whole),
      messages: new Array<string>(values).fill(message),
    });
    this.#least = values === 0 ? null : extremes();
    this.#most = values === 0 ? null : extremes();
  }

  /** One more message, of which `lineKey` was just asked. */
  add(textOf: () => string): void {
    this.count++;
    const { whole } = lineKeyResult;
    if (this.#hashes.length < examplesMax || whole < (this.#hashes.at(-1) as number))
      this.#remember(whole, textOf);
    const { hashes: least = null, wholes: leastWholes = null } = this.#least ?? {};
    const { hashes: most = null, wholes: mostWholes = null } = this.#most ?? {};
    if (least === null || most === null || leastWholes === null || mostWholes === null) return;
    for (let at = 0; at < least.length; at++) {
      const hash = valueHashes[at] as number;
      const low = least[at] as number;
      const high = most[at] as number;
      if (hash < low || (hash === low && whole < (leastWholes[at] as number)))
        set(this.#least, at, hash, textOf);
      if (hash > high || (hash === high && whole < (mostWholes[at] as number)))
        set(this.#most, at, hash, textOf);
    }
  }

  /** Examples without the extremes; what does not vary in them may vary in other messages. */
  some(max: number): string[] {
    return this.#messages.slice(0, max);
  }

  /** Examples in which every value varies that varies in any message. */
  all(): string[] {
    return [
      ...new Set([...this.#messages, ...(this.#least?.messages ?? []), ...(this.#most?.messages ?? [])]),
    ];
  }

  forgetExtremes(): void {
    this.#least = null;
    this.#most = null;
  }

  #remember(whole: number, textOf: () => string): void {
    let place = this.#hashes.length;
    while (place > 0 && (this.#hashes[place - 1] as number) >= whole) place--;
    if (this.#hashes[place] === whole) return;
    this.#hashes.splice(place, 0, whole);
    this.#messages.splice(place, 0, textOf());
    if (this.#hashes.length > examplesMax) {
      this.#hashes.pop();
      this.#messages.pop();
    }
  }
}

function set(extremes: Extremes | null, at: number, hash: number, textOf: () => string): void {
  if (extremes === null) return;
  extremes.hashes[at] = hash;
  extremes.wholes[at] = lineKeyResult.whole;
  extremes.messages[at] = textOf();
}
