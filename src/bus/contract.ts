import type { Message, MessageHandler, Topic } from '../model/index.ts';

/** One consumer and what it wants to hear. */
export interface Subscriber {
  consumer: string;
  topics: ReadonlySet<Topic>;
  handle: MessageHandler;
}

/**
 * How messages travel. `publish` resolves once the message is as safe outside as it was in the outbox: in-process that
 * is when every consumer has handled it; on a broker, when the broker has acknowledged it. Implementations call
 * consumers through `receive`, which removes repetition.
 */
export interface BusTransport {
  publish(message: Message): Promise<void>;
  start(subscribers: readonly Subscriber[]): Promise<void>;
  stop(): Promise<void>;
}
