import { flowLate, flowLost } from './events.ts';

/** Streams of sequence numbers that are followed; beyond it the one unused for longest is forgotten. */
const streamsMax = 4_096;
/** A number so far behind is a restart of the exporter, not a datagram that came late. */
const lateMax = 1_000;
/** A number so far ahead is a restart too: nobody loses so much and is heard again. */
const aheadMax = 10_000_000;

/** Follows the sequence numbers of each exporter, so that what the network or the kernel dropped can be counted. */
export class Sequences {
  private readonly streams = new Map<string, { last: number; next: number }>();
  private readonly label: (exporter: string) => string;
  /** Everything missing so far, of all exporters. */
  lost = 0;

  /** `label` bounds the exporters that are named in metrics. */
  constructor(label: (exporter: string) => string) {
    this.label = label;
  }

  /** `count`: by how much the number rises after this message; undefined: unknown, so the next one is not judged. */
  saw(exporter: string, protocol: string, stream: string, sequence: number, count: number | undefined): void {
    const key = `${protocol} ${exporter} ${stream}`;
    const known = this.streams.get(key);
    // softflowd counts the records of a message before it numbers it, where RFC 7011 counts those before the message.
    const countsItself = known !== undefined && sequence === (known.last + (count ?? 0)) >>> 0;
    if (known !== undefined && !countsItself) {
      const expected = known.next;
      const ahead = (sequence - expected) >>> 0;
      const behind = (expected - sequence) >>> 0;
      if (ahead > 0 && ahead <= aheadMax) this.lose(exporter, protocol, ahead);
      else if (ahead > 0 && behind <= lateMax) {
        flowLate.inc({ exporter: this.label(exporter), protocol }, count ?? 1);
        return;
      }
    }
    this.streams.delete(key);
    if (count === undefined) return;
    this.streams.set(key, { last: sequence, next: (sequence + count) >>> 0 });
    if (this.streams.size <= streamsMax) return;
    for (const oldest of this.streams.keys()) {
      this.streams.delete(oldest);
      return;
    }
  }

  private lose(exporter: string, protocol: string, count: number): void {
    this.lost += count;
    flowLost.inc({ exporter: this.label(exporter), protocol }, count);
  }
}
