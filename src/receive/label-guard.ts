import type { Pair } from './log-sink.ts';

/** What happens to the records of a series or stream that goes beyond a limit of its labels. */
export type CardinalityAction = 'reject' | 'drop_label' | 'dead_letter';

/** Why a series or stream can't be taken as it is. */
export interface LabelFault {
  action: CardinalityAction;
  /** The label at fault; '' when it is all of them together. */
  label: string;
  /** For the sender: names metric, label, figure, limit and the setting that changes it. */
  message: string;
}

/** Asked about series and streams that were not seen before in this hour; those that were cost nothing. */
export interface LabelGuard {
  /** `low` and `high` are the halves of the series' id. */
  series(
    tenant: string,
    metric: string,
    low: number,
    high: number,
    labels: readonly Pair[],
    nowMs: number,
  ): LabelFault | undefined;
  /** Streams of logs; asked for each, it remembers itself which it knows. */
  stream(tenant: string, labels: readonly Pair[], nowMs: number): LabelFault | undefined;
}

/** Labels in the order of the guard's question without the one at fault. */
export const withoutLabel = (labels: readonly Pair[], label: string): Pair[] =>
  labels.filter(([name]) => name !== label);
