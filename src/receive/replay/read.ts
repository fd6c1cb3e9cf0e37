import type { Block } from '../../model/index.ts';
import type { Delivery, Door, Letter } from '../door.ts';
import { type ReplayRequest, replayRequest, UnreplayableError } from './request.ts';

/** What a receiver made of a letter: the blocks it would store, or why it refuses it again. */
export type LetterReading =
  | { kind: 'read'; blocks: Block[]; records: number }
  | { kind: 'refused'; reason: string };

/** The receivers in front of `door`, reached without a socket. */
export interface ReplayReceivers {
  send(request: ReplayRequest): Promise<{ status: number; body: string }>;
  close(): Promise<void>;
}
export type MakeReceivers = (door: Door) => Promise<ReplayReceivers>;

/** How much of an answer is told when no reason came with it. */
const answerCharsMax = 500;

/**
 * Sends letters through the receivers that refused them and keeps what these would store. One at a time. A letter is
 * read whole or refused whole: a part of it that is refused again would otherwise lie in two letters.
 */
export class LetterReader {
  private readonly make: MakeReceivers;
  private receivers: ReplayReceivers | undefined;
  private tenant = '';
  private deliveries: Delivery[] = [];
  private refusals: string[] = [];

  constructor(make: MakeReceivers) {
    this.make = make;
  }

  async read(letter: Letter): Promise<LetterReading> {
    let request: ReplayRequest;
    try {
      request = replayRequest(letter);
    } catch (error) {
      if (error instanceof UnreplayableError) return { kind: 'refused', reason: error.message };
      throw error;
    }
    this.receivers ??= await this.make(this.door());
    this.tenant = letter.tenant;
    this.deliveries = [];
    this.refusals = [];
    const { status, body } = await this.receivers.send(request);
    const reading = this.judge(status, body);
    // Receivers remember which series have their row; those of a refused letter have not.
    if (reading.kind === 'refused') await this.close();
    return reading;
  }

  async close(): Promise<void> {
    const { receivers } = this;
    this.receivers = undefined;
    await receivers?.close();
  }

  private judge(status: number, body: string): LetterReading {
    const rejected = this.deliveries.reduce((sum, delivery) => sum + delivery.rejected, 0);
    const refused = this.refusals[0];
    if (refused !== undefined || rejected > 0 || status >= 400) {
      const said = body.trim().slice(0, answerCharsMax);
      return { kind: 'refused', reason: refused ?? (said === '' ? `answered ${status}` : said) };
    }
    const blocks = this.deliveries.flatMap((delivery) => delivery.blocks).filter((block) => block.rows > 0);
    const records = this.deliveries.reduce((sum, delivery) => sum + delivery.records, 0);
    if (blocks.length === 0) return { kind: 'refused', reason: 'there is no record in it' };
    return { kind: 'read', blocks, records };
  }

  private door(): Door {
    return {
      tenantOf: () => this.tenant,
      enter: () => () => undefined,
      deliver: async (delivery) => {
        this.deliveries.push(delivery);
      },
      // A letter is kept once by its state, not by its request.
      answerLost: () => undefined,
      storedLately: () => undefined,
      repeated: () => undefined,
      deadLetters: async (letters) => {
        this.refusals.push(...letters.map((letter) => letter.reason));
      },
    };
  }
}
