-- What the engine is asked besides; NULL in jobs from before.
ALTER TABLE jobs ADD COLUMN options TEXT;
ALTER TABLE jobs ADD COLUMN progress INTEGER;
-- When a job that is to be tried again is due; NULL: now.
ALTER TABLE jobs ADD COLUMN due_at INTEGER;
-- How often it was leased: only the last lease counts.
ALTER TABLE jobs ADD COLUMN fence INTEGER NOT NULL DEFAULT 0;
-- NULL unless it is leased.
ALTER TABLE jobs ADD COLUMN lease_ends INTEGER;
ALTER TABLE jobs ADD COLUMN reserved_ms INTEGER NOT NULL DEFAULT 0;

-- Nobody works on what ran before.
UPDATE jobs SET lease_ends = 0 WHERE status IN ('running', 'cancelling');

-- Each step of the queue by an index that holds just what it asks for.
CREATE INDEX jobs_ready ON jobs (tenant_id, created_at, id) WHERE status = 'pending' AND due_at IS NULL;
CREATE INDEX jobs_waiting ON jobs (due_at) WHERE status = 'pending' AND due_at IS NOT NULL;
CREATE INDEX jobs_leased ON jobs (lease_ends) WHERE lease_ends IS NOT NULL;
CREATE INDEX jobs_unended ON jobs (created_by) WHERE status IN ('pending', 'running', 'cancelling');
CREATE INDEX jobs_ended ON jobs (tenant_id, completed_at, id) WHERE completed_at IS NOT NULL;

ALTER TABLE tenants ADD COLUMN retention_days INTEGER;
-- The number of the tenant's last turn in the queue.
ALTER TABLE tenants ADD COLUMN served INTEGER NOT NULL DEFAULT 0;

CREATE INDEX tenants_by_turn ON tenants (served);

-- The tenant itself stands under the empty key.
CREATE TABLE quotas (
    tenant_id          TEXT NOT NULL REFERENCES tenants (id),
    key_id             TEXT NOT NULL,
    seconds_per_day    INTEGER,
    concurrent_jobs    INTEGER,
    concurrent_streams INTEGER,
    PRIMARY KEY (tenant_id, key_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE meter (
    tenant_id  TEXT NOT NULL,
    key_id     TEXT NOT NULL,
    day        INTEGER NOT NULL,
    jobs_ms    INTEGER NOT NULL,
    streams_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, key_id, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE workers (
    id        TEXT PRIMARY KEY,
    -- All of it, as JSON.
    worker    TEXT NOT NULL,
    lapses_at INTEGER NOT NULL
) STRICT;

CREATE INDEX workers_by_end ON workers (lapses_at);

CREATE TABLE sessions (
    id        TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    key_id    TEXT,
    -- NULL for the node's own.
    worker_id TEXT,
    lapses_at INTEGER NOT NULL
) STRICT;

CREATE INDEX sessions_by_end ON sessions (lapses_at);
CREATE INDEX sessions_of_tenant ON sessions (tenant_id, lapses_at);
CREATE INDEX sessions_of_key ON sessions (key_id, lapses_at) WHERE key_id IS NOT NULL;
CREATE INDEX sessions_of_worker ON sessions (worker_id, lapses_at) WHERE worker_id IS NOT NULL;

CREATE TABLE webhooks (
    id              TEXT PRIMARY KEY,
    tenant_id       TEXT NOT NULL REFERENCES tenants (id),
    url             TEXT NOT NULL,
    description     TEXT,
    events          TEXT NOT NULL,
    enabled         INTEGER NOT NULL,
    disabled_at     INTEGER,
    created_at      INTEGER NOT NULL,
    created_by      TEXT,
    last_success_at INTEGER,
    exhausted       INTEGER NOT NULL,
    secret          TEXT NOT NULL,
    -- The secret before, and the end of the overlap.
    old_secret      TEXT,
    old_ends_at     INTEGER
) STRICT;

CREATE INDEX webhooks_by_age ON webhooks (tenant_id, created_at DESC, id DESC);

-- The outbox, and what became of it.
CREATE TABLE deliveries (
    id          TEXT PRIMARY KEY,
    webhook_id  TEXT NOT NULL REFERENCES webhooks (id),
    kind        TEXT NOT NULL,
    body        TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    status      TEXT NOT NULL,
    attempts    INTEGER NOT NULL,
    -- NULL once it has ended.
    next_at     INTEGER,
    last_at     INTEGER,
    last_status INTEGER,
    last_error  TEXT
) STRICT;

CREATE INDEX deliveries_by_age ON deliveries (webhook_id, created_at DESC, id DESC);
CREATE INDEX deliveries_due ON deliveries (webhook_id, next_at, id) WHERE next_at IS NOT NULL;
CREATE INDEX deliveries_ended ON deliveries (created_at) WHERE next_at IS NULL;
