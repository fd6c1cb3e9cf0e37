import { flowLate, flowLost } from './events.ts';

/** Streams of sequence numbers that are followed; beyond it the one unused for longest is forgotten. */
const streamsMax = 4_096;
/** A number so far behind is a restart of the exporter, not a datagram that came late. */
const lateMax = 1_000;
/** A number so far ahead is a restart too: nobody loses so much and is heard again. */
const aheadMax = 10_000_000;

/** Follows the sequence numbers of each exporter, so that what the network or the kernel dropped can be counted. */
export class Sequences {
  private readonly next = new Map<string, number>();
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
    const expected = this.next.get(key);
    const following = count === undefined ? undefined : (sequence + count) >>> 0;
    if (expected !== undefined) {
      const ahead = (sequence - expected) >>> 0;
      const behind = (expected - sequence) >>> 0;
      if (ahead > 0 && ahead <= aheadMax) this.lose(exporter, protocol, ahead);
      else if (ahead > 0 && behind <= lateMax) {
        flowLate.inc({ exporter: this.label(exporter), protocol }, count ?? 1);
        return;
      }
    }
    this.next.delete(key);
    if (following === undefined) return;
    this.next.set(key, following);
    if (this.next.size <= streamsMax) return;
    for (const oldest of this.next.keys()) {
      this.next.delete(oldest);
      return;
    }
  }

  private lose(exporter: string, protocol: string, count: number): void {
    this.lost += count;
    flowLost.inc({ exporter: this.label(exporter), protocol }, count);
  }
}
