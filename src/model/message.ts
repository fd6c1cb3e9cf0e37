import type { EpochMs } from './time.ts';

/** Topics of the bus (source 004, "AI-driven OPS agent", chapter 3). `evt` tells what happened, `cmd` asks for work. */
export const topics = [
  'evt.case.transition.v1',
  'evt.analysis.findings.v1',
  'evt.plan.proposed.v1',
  'evt.plan.approved.v1',
  'evt.exec.step_result.v1',
  'evt.exec.done.v1',
  'evt.exec.failed.v1',
  'evt.verify.pass.v1',
  'evt.verify.failed.v1',
  'cmd.plan.generate',
  'cmd.gate.eval',
  'cmd.exec.run',
  'cmd.verify.run',
] as const;
export type Topic = (typeof topics)[number];

/** A message as a subscriber sees it. `id` is what consumers de-duplicate by; messages of one `key` keep their order. */
export interface Message {
  id: string;
  topic: Topic;
  /** The case id. */
  key: string;
  tenant: string;
  payload: Record<string, unknown>;
  traceId: string;
  createdAt: EpochMs;
}

export interface NewMessage {
  topic: Topic;
  payload: Record<string, unknown>;
}

export type MessageHandler = (message: Message) => Promise<void>;

/** The bus as the rooms to its left see it; they are handed one. */
export interface BusPort {
  /** Before `start`. A handler may see a message twice when it fails or the process dies; it must then do no harm. */
  subscribe(consumer: string, topics: readonly Topic[], handle: MessageHandler): void;
  /** Something was committed to the outbox: look now instead of at the next poll. */
  notify(): void;
}
