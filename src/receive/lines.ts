import { textOf } from './otlp/wire.ts';

const newline = 0x0a;

/** The lines of a body, one after the other, without a copy of all of them. */
export class Lines {
  number = 0;
  private readonly body: Uint8Array;
  private start = 0;
  private end = -1;

  constructor(body: Uint8Array) {
    this.body = body;
  }

  next(): boolean {
    this.start = this.end + 1;
    if (this.start >= this.body.length) return false;
    const at = this.body.indexOf(newline, this.start);
    this.end = at < 0 ? this.body.length : at;
    this.number += 1;
    return true;
  }

  /** Between two items an empty line does no harm; Elasticsearch skips it too. */
  blank(): boolean {
    for (let at = this.start; at < this.end; at++) if ((this.body[at] ?? 0) > 32) return false;
    return true;
  }

  text(): string {
    return textOf(this.body, this.start, this.end);
  }

  bytes(): Uint8Array {
    return this.body.subarray(this.start, this.end);
  }
}
