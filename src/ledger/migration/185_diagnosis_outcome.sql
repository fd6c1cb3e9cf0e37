-- What became of a cause that a case named: the repair was verified, or it was not this. Diagnosis counts them by kind and
-- type of resource; a row that is removed is forgotten.
CREATE TABLE diagnosis_outcome (
  tenant        TEXT NOT NULL,
  case_id       UUID NOT NULL,
  kind          TEXT NOT NULL,
  resource_type TEXT NOT NULL,
  case_number   INT NOT NULL,
  resource      TEXT NOT NULL,
  outcome       TEXT NOT NULL CHECK (outcome IN ('confirmed', 'refuted')),
  decided_at    TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (tenant, kind, resource_type, case_id)
);
