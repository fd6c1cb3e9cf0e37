import type { Ledger } from '../ledger/index.ts';
import type { Clock } from '../lib/index.ts';
import type { Message } from '../model/index.ts';
import type { BusTransport, Subscriber } from './contract.ts';
import { receive } from './inbox.ts';

/** The embedded twin: consumers live in this process and are called one after the other. */
export class InProcessTransport implements BusTransport {
  readonly #deps: { ledger: Ledger; clock: Clock };
  #subscribers: readonly Subscriber[] = [];

  constructor(deps: { ledger: Ledger; clock: Clock }) {
    this.#deps = deps;
  }

  async start(subscribers: readonly Subscriber[]): Promise<void> {
    this.#subscribers = subscribers;
  }

  async publish(message: Message): Promise<void> {
    for (const subscriber of this.#subscribers) {
      if (subscriber.topics.has(message.topic)) await receive(this.#deps, subscriber, message);
    }
  }

  async stop(): Promise<void> {}
}
