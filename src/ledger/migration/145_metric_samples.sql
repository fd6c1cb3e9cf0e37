-- Leads from a metric of a minute to the trace behind its largest value, where senders attach exemplars.
ALTER TABLE metric_1m ADD COLUMN sample_ref BIGINT;
