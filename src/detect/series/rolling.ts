/** The last `length` values; NaN until there are as many. */
export class Rolling {
  #count = 0;
  #sum = 0;
  readonly #values: Float64Array;

  constructor(length: number) {
    this.#values = new Float64Array(length);
  }

  push(value: number): void {
    const values = this.#values;
    const at = this.#count % values.length;
    this.#sum += value - (values[at] as number);
    values[at] = value;
    this.#count++;
    if (at === values.length - 1) this.#sweep();
  }

  /** Rounding errors of a running sum are swept out once a round. */
  #sweep(): void {
    let sum = 0;
    for (let i = 0; i < this.#values.length; i++) sum += this.#values[i] as number;
    this.#sum = sum;
  }

  mean(): number {
    return this.#count >= this.#values.length ? this.#sum / this.#values.length : Number.NaN;
  }

  deviation(): number {
    const values = this.#values;
    if (this.#count < values.length) return Number.NaN;
    const mean = this.#sum / values.length;
    let square = 0;
    for (let i = 0; i < values.length; i++) square += ((values[i] as number) - mean) ** 2;
    return Math.sqrt(square / values.length);
  }
}
