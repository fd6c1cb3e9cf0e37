import { counter, gauge, histogram } from '../lib/index.ts';

/** What this room tells about itself at /metrics. */
export const ingestRecords = counter('clew_ingest_records_total', 'Records acknowledged as durable.', [
  'signal',
]);
export const ingestBytes = counter('clew_ingest_bytes_total', 'Bytes of request bodies, decompressed.', [
  'signal',
]);
export const ingestRejected = counter(
  'clew_ingest_rejected_total',
  'Records of accepted requests that were not kept.',
  ['signal'],
);
export const ingestRefused = counter(
  'clew_ingest_refused_total',
  'Requests that were refused because there was no room for them, or too much came.',
  ['reason'],
);
export const deadLettered = counter(
  'clew_ingest_dead_lettered_total',
  'Payloads and records put into dead_letters.',
  ['source'],
);
export const deadLettersDropped = counter(
  'clew_ingest_dead_letters_dropped_total',
  'Unreadable payloads that were counted but not kept, because too many came.',
  ['source'],
);
export const lettersDone = counter(
  'clew_dead_letters_done_total',
  'Dead letters that were replayed or discarded.',
  ['outcome'],
);
export const cardinalityLimited = counter(
  'clew_cardinality_limited_total',
  'Series and streams that went beyond a limit of their labels, by the setting and the label.',
  ['rule', 'label'],
);
export const ackSeconds = histogram(
  'clew_ingest_ack_seconds',
  'Time from the start of a request to the moment its records are durable.',
  ['signal'],
  [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5],
);
export const inFlightBytes = gauge('clew_ingest_in_flight_bytes', 'Bytes of requests that are being taken.');

export const masked = counter('clew_masked_total', 'Secrets and personal data hidden before storage.', [
  'rule',
  'tenant',
]);
export const pipelineRecords = counter('clew_pipeline_records_total', 'Records that a pipeline took.', [
  'pipeline',
]);
export const pipelineDropped = counter(
  'clew_pipeline_dropped_total',
  'Records that a pipeline dropped, by the reason that its stage gives; "limit" is a rate.',
  ['pipeline', 'reason'],
);
export const pipelineFaults = counter(
  'clew_pipeline_faults_total',
  'Records on which a stage could not do its part; they are kept and marked.',
  ['pipeline', 'stage'],
);
export const tokenReloads = counter(
  'clew_auth_reloads_total',
  'Times that the file of tokens was read anew.',
  ['result'],
);
export const pipelineReloads = counter(
  'clew_pipeline_reloads_total',
  'Times that pipelines were read anew.',
  ['result'],
);
