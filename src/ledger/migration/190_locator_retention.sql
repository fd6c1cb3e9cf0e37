-- Locators are forgotten with the rows that lead by them to raw records. A locator that something still names stays, and
-- to find that out, as the foreign keys must too, the columns that name one need an index.
CREATE INDEX idx_call_sample ON service_call_5m(sample_ref) WHERE sample_ref IS NOT NULL;
CREATE INDEX idx_logpat5m_sample ON log_pattern_5m(sample_ref) WHERE sample_ref IS NOT NULL;
CREATE INDEX idx_evidence_locator ON evidence_link(ref_oo) WHERE ref_oo IS NOT NULL;
CREATE INDEX idx_case_evidence_locator ON case_evidence(locator_id) WHERE locator_id IS NOT NULL;
CREATE INDEX idx_exec_step_stdout ON exec_step(stdout_ref) WHERE stdout_ref IS NOT NULL;
CREATE INDEX idx_exec_step_stderr ON exec_step(stderr_ref) WHERE stderr_ref IS NOT NULL;
