/** Numbers 64-bit keys from 0 in the order in which they come; keys are given in halves. */
export class KeyTable {
  #mask: number;
  /** Index + 1 of the key in each place, 0 where none is. */
  #places: Int32Array;
  #low: Uint32Array;
  #high: Uint32Array;
  #size = 0;
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
    this.#mask = 1023;
    this.#places = new Int32Array(1024);
    this.#low = new Uint32Array(512);
    this.#high = new Uint32Array(512);
  }

  get size(): number {
    return this.#size;
  }

  /** Index of the key, which is `size - 1` when it is new; -1 when there is no room for a new one. */
  add(low: number, high: number): number {
    let place = low & this.#mask;
    for (;;) {
      const index = (this.#places[place] as number) - 1;
      if (index < 0) break;
      if (this.#low[index] === low && this.#high[index] === high) return index;
      place = (place + 1) & this.#mask;
    }
    if (this.#size >= this.#max) return -1;
    const index = this.#size++;
    this.#places[place] = index + 1;
    this.#low[index] = low;
    this.#high[index] = high;
    if (this.#size === this.#low.length) this.#grow();
    return index;
  }

  #grow(): void {
    const length = this.#low.length * 2;
    const low = new Uint32Array(length);
    const high = new Uint32Array(length);
    low.set(this.#low);
    high.set(this.#high);
    this.#low = low;
    this.#high = high;
    this.#mask = length * 2 - 1;
    this.#places = new Int32Array(length * 2);
    for (let index = 0; index < this.#size; index++) {
      let place = (low[index] as number) & this.#mask;
      while (this.#places[place] !== 0) place = (place + 1) & this.#mask;
      this.#places[place] = index + 1;
    }
  }
}
