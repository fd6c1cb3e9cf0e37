import { counter, gauge } from '../../lib/index.ts';

/** What the receivers of flows tell about themselves at /metrics. */
export const flowDatagrams = counter(
  'clew_flow_datagrams_total',
  'Datagrams and IPFIX messages taken from exporters.',
  ['protocol'],
);
export const flowRefused = counter(
  'clew_flow_refused_total',
  'Datagrams and connections of addresses that are not in flow.exporters_allow.',
);
export const flowLost = counter(
  'clew_flow_lost_total',
  'What sequence numbers show to be missing: flows (netflow5), datagrams (netflow9, sflow), records (ipfix).',
  ['exporter', 'protocol'],
);
export const flowLate = counter(
  'clew_flow_late_total',
  'What was counted as lost and came after all, out of order; in the unit of clew_flow_lost_total.',
  ['exporter', 'protocol'],
);
export const flowUndelivered = counter(
  'clew_flow_undelivered_total',
  'Flows that were received and could not be stored: too much was pending for too long, or the disk refused.',
);
export const flowLettersDropped = counter(
  'clew_flow_letters_dropped_total',
  'Datagrams that could not be read and were not kept as dead letters, because too many waited.',
);
export const flowCounterSamples = counter(
  'clew_flow_counter_samples_total',
  'sFlow counter samples, which are not kept.',
);
export const flowSkipped = counter(
  'clew_flow_skipped_total',
  'Lines of cloud flow logs without a flow: NODATA, and SKIPDATA or lost_events, by which the sender says that it lost flows.',
  ['reason'],
);
export const flowWaiting = gauge('clew_flow_waiting_bytes', 'Data sets that wait for their template, bytes.');
