-- Plans, the decisions on them, the steps that ran, and what verification saw.
CREATE TABLE plan_proposed (
  id         UUID PRIMARY KEY,
  case_id    UUID NOT NULL REFERENCES ops_case(id),
  plan       JSONB NOT NULL,
  created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  seq        BIGSERIAL
);
CREATE INDEX idx_plan_proposed_case ON plan_proposed(case_id, seq DESC);

CREATE TABLE plan_approved (
  id         UUID PRIMARY KEY,
  case_id    UUID NOT NULL REFERENCES ops_case(id),
  -- {decision, policies, reasons, actor, needs_person, inputs}
  decision   JSONB NOT NULL,
  created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  plan_id    UUID NOT NULL REFERENCES plan_proposed(id),
  seq        BIGSERIAL
);
CREATE INDEX idx_plan_approved_case ON plan_approved(case_id, seq DESC);

CREATE TABLE exec_step (
  id          BIGSERIAL PRIMARY KEY,
  case_id     UUID NOT NULL REFERENCES ops_case(id),
  plan_id     UUID NOT NULL REFERENCES plan_proposed(id),
  phase       TEXT NOT NULL CHECK (phase IN ('forward', 'compensate')),
  seq         INT NOT NULL,
  step        JSONB NOT NULL,
  status      TEXT NOT NULL CHECK (status IN
                ('pending', 'running', 'ok', 'failed', 'interrupted', 'compensated', 'skipped')),
  attempt     INT NOT NULL DEFAULT 0,
  started_at  TIMESTAMPTZ,
  finished_at TIMESTAMPTZ,
  output      JSONB,
  error       TEXT,
  -- What the adapter recorded before it acted, from which compensation is built.
  undo        JSONB,
  -- Locators of the step's own log output, where it was stored as logs.
  stdout_ref  BIGINT REFERENCES oo_locator(id),
  stderr_ref  BIGINT REFERENCES oo_locator(id),
  trace_id    TEXT NOT NULL,
  CONSTRAINT ux_exec_step UNIQUE (plan_id, phase, seq)
);
CREATE INDEX idx_exec_step_case ON exec_step(case_id, id);

CREATE TABLE verification (
  id          UUID PRIMARY KEY,
  case_id     UUID NOT NULL REFERENCES ops_case(id),
  plan_id     UUID NOT NULL UNIQUE REFERENCES plan_proposed(id),
  status      TEXT NOT NULL CHECK (status IN ('waiting', 'pass', 'failed')),
  window_s    INT NOT NULL,
  started_at  TIMESTAMPTZ NOT NULL,
  deadline_at TIMESTAMPTZ NOT NULL,
  holds_since TIMESTAMPTZ,
  finished_at TIMESTAMPTZ,
  -- Newest reading of each objective, and the bounded course of the worst one.
  objectives  JSONB NOT NULL DEFAULT '[]'::jsonb,
  history     JSONB NOT NULL DEFAULT '[]'::jsonb,
  reason      TEXT
);
CREATE INDEX idx_verification_case ON verification(case_id);
