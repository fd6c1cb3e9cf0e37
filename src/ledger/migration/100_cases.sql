-- Cases: the one source of truth of a case's state, its timeline, the messages that leave with each change, and the
-- first answer given under an idempotency key.
CREATE TABLE ops_case (
  id            UUID PRIMARY KEY,
  tenant        TEXT NOT NULL,
  title         TEXT NOT NULL,
  status        TEXT NOT NULL CHECK (status IN
                  ('NEW', 'ANALYZING', 'PLANNING', 'WAIT_GATE', 'EXECUTING', 'VERIFYING', 'CLOSED', 'PARKED')),
  -- The number of states it has been in: 1 after creation, one more with every transition.
  version       INT NOT NULL,
  created_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
  updated_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
  number        INT NOT NULL,
  severity      severity NOT NULL,
  service       TEXT NOT NULL DEFAULT '',
  resource      TEXT NOT NULL DEFAULT '',
  -- Whether commands follow a transition by themselves; otherwise only REST calls move it.
  automatic     BOOLEAN NOT NULL DEFAULT false,
  -- At most one open case per incident; empty for cases that a person opened.
  incident_key  TEXT,
  trace_id      TEXT NOT NULL,
  verdict       JSONB,
  evidence_hash TEXT,
  parked_reason TEXT,
  closed_at     TIMESTAMPTZ,
  CONSTRAINT ux_case_number UNIQUE (tenant, number)
);
CREATE UNIQUE INDEX ux_case_open_incident ON ops_case(tenant, incident_key)
  WHERE status <> 'CLOSED' AND incident_key IS NOT NULL;
CREATE INDEX idx_case_status ON ops_case(tenant, status, created_at DESC);
CREATE INDEX idx_case_created ON ops_case(created_at DESC);

-- The row lock on the counter makes numbers per tenant gapless and unique.
CREATE TABLE case_counter (
  tenant TEXT PRIMARY KEY,
  last   INT NOT NULL
);

CREATE TABLE case_timeline (
  id             BIGSERIAL PRIMARY KEY,
  case_id        UUID NOT NULL REFERENCES ops_case(id),
  event          TEXT NOT NULL,
  actor          TEXT NOT NULL,
  reason         TEXT NOT NULL DEFAULT '',
  correlation_id TEXT,
  meta           JSONB NOT NULL DEFAULT '{}'::jsonb,
  created_at     TIMESTAMPTZ NOT NULL DEFAULT now(),
  -- Set on the entries that changed the state, and only there.
  from_status    TEXT,
  to_status      TEXT,
  version        INT
);
CREATE INDEX idx_timeline_case ON case_timeline(case_id, id);
CREATE UNIQUE INDEX ux_timeline_version ON case_timeline(case_id, version) WHERE version IS NOT NULL;

-- A signal belongs to one open case of its tenant; `open` is cleared when the case closes.
CREATE TABLE case_signal (
  case_id     UUID NOT NULL REFERENCES ops_case(id),
  tenant      TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  signal      JSONB NOT NULL,
  event_id    UUID NOT NULL REFERENCES event_envelope(event_id),
  open        BOOLEAN NOT NULL DEFAULT true,
  attached_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (case_id, fingerprint)
);
CREATE UNIQUE INDEX ux_signal_open ON case_signal(tenant, fingerprint) WHERE open;

-- Frozen evidence. `body` is the canonical JSON that was hashed, byte for byte.
CREATE TABLE case_evidence (
  case_id     UUID NOT NULL REFERENCES ops_case(id),
  seq         INT NOT NULL,
  ref         TEXT NOT NULL,
  body        TEXT NOT NULL,
  sha256      TEXT NOT NULL,
  link        TEXT,
  evidence_id BIGINT REFERENCES evidence_link(evidence_id),
  locator_id  BIGINT REFERENCES oo_locator(id),
  frozen_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (case_id, seq)
);
CREATE INDEX idx_case_evidence_link ON case_evidence(evidence_id);

CREATE TABLE outbox (
  id              BIGSERIAL PRIMARY KEY,
  topic           TEXT NOT NULL,
  key             TEXT NOT NULL,
  payload         JSONB NOT NULL,
  created_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
  published_at    TIMESTAMPTZ,
  message_id      UUID NOT NULL UNIQUE,
  tenant          TEXT NOT NULL,
  trace_id        TEXT NOT NULL,
  attempts        INT NOT NULL DEFAULT 0,
  next_attempt_at TIMESTAMPTZ,
  last_error      TEXT,
  -- Set after the last attempt: the message no longer holds up its key and waits for a person.
  poisoned_at     TIMESTAMPTZ
);
CREATE INDEX idx_outbox_waiting ON outbox(id) WHERE published_at IS NULL AND poisoned_at IS NULL;
CREATE INDEX idx_outbox_poisoned ON outbox(id) WHERE poisoned_at IS NOT NULL;
CREATE INDEX idx_outbox_published ON outbox(published_at) WHERE published_at IS NOT NULL;
CREATE INDEX idx_outbox_key ON outbox(key, id);

CREATE TABLE inbox (
  consumer    TEXT NOT NULL,
  message_id  UUID NOT NULL,
  topic       TEXT NOT NULL,
  received_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (consumer, message_id)
);
CREATE INDEX idx_inbox_received ON inbox(received_at);

-- `route` is method and path with the ids in it: the same key on another case is another request.
CREATE TABLE idempotency (
  tenant       TEXT NOT NULL,
  route        TEXT NOT NULL,
  key          TEXT NOT NULL,
  request_hash TEXT NOT NULL,
  -- Null while the first request is still being answered.
  response     JSONB,
  created_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, route, key)
);
CREATE INDEX idx_idempotency_created ON idempotency(created_at);
