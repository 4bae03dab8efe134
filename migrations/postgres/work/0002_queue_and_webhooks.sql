-- For how many days the tenant's ended jobs are kept.
ALTER TABLE tenants ADD COLUMN retention_days bigint;

-- What the queue knows of a job. A job from before, or of a node from before, has no options, is due, was never leased
-- and has nothing reserved.
ALTER TABLE jobs
    ADD COLUMN options json,
    ADD COLUMN progress integer,
    ADD COLUMN due_at timestamptz NOT NULL DEFAULT '-infinity',
    ADD COLUMN fence bigint NOT NULL DEFAULT 0,
    -- Set while it is leased.
    ADD COLUMN lease_ends timestamptz,
    ADD COLUMN reserved_ms bigint NOT NULL DEFAULT 0;
-- By tenant, oldest first; those that are not due are passed over inside the index.
CREATE INDEX jobs_pending ON jobs (tenant_id, created_at, id, due_at) WHERE status = 'pending';
CREATE INDEX jobs_leased ON jobs (lease_ends) WHERE lease_ends IS NOT NULL;
CREATE INDEX jobs_open_by_maker ON jobs (created_by, created_at, id)
    WHERE status IN ('pending', 'running', 'cancelling');
CREATE INDEX jobs_ended ON jobs (tenant_id, completed_at, id) WHERE completed_at IS NOT NULL;

-- Rows that are locked, and not more: `turn` by who leases jobs (its value is the last turn given), `slot` by who
-- chooses a worker, `outbox` by who takes deliveries.
INSERT INTO meta (name, value) VALUES ('turn', 0), ('slot', 0), ('outbox', 0);

-- The last turn of each tenant. Apart from `tenants`, whose rows changes lock.
CREATE TABLE turns (
    tenant_id text PRIMARY KEY,
    turn bigint NOT NULL
) WITH (fillfactor = 50);

-- Of keys and of tenants: the nil key stands for the tenant itself.
CREATE TABLE quotas (
    tenant_id text NOT NULL REFERENCES tenants,
    key_id uuid NOT NULL,
    seconds_per_day bigint,
    concurrent_jobs bigint,
    concurrent_streams bigint,
    PRIMARY KEY (tenant_id, key_id)
);

-- Milliseconds of audio, and days since 1970-01-01. The nil key stands for the tenant itself.
CREATE TABLE meter (
    tenant_id text NOT NULL,
    key_id uuid NOT NULL,
    day integer NOT NULL,
    jobs_ms bigint NOT NULL,
    streams_ms bigint NOT NULL,
    PRIMARY KEY (tenant_id, key_id, day)
) WITH (fillfactor = 50);

CREATE TABLE workers (
    id text PRIMARY KEY,
    worker json NOT NULL,
    lapses_at timestamptz NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX workers_end ON workers (lapses_at);

-- No reference to `workers`: a session outlives the registration of its worker.
CREATE TABLE sessions (
    id uuid PRIMARY KEY,
    tenant_id text NOT NULL,
    key_id uuid,
    -- None: the node's own.
    worker_id text,
    lapses_at timestamptz NOT NULL
);
CREATE INDEX sessions_of_tenant ON sessions (tenant_id, key_id);
CREATE INDEX sessions_of_worker ON sessions (worker_id) WHERE worker_id IS NOT NULL;
CREATE INDEX sessions_end ON sessions (lapses_at);

CREATE TABLE webhooks (
    id uuid PRIMARY KEY,
    tenant_id text NOT NULL REFERENCES tenants,
    url text NOT NULL,
    description text,
    events text[] NOT NULL,
    enabled boolean NOT NULL,
    disabled_at timestamptz,
    created_at timestamptz NOT NULL,
    created_by text,
    last_success_at timestamptz,
    exhausted bigint NOT NULL,
    secret text NOT NULL,
    -- Set while a rotation overlaps.
    old_secret text,
    old_secret_ends_at timestamptz
);
CREATE INDEX webhooks_newest ON webhooks (tenant_id, created_at DESC, id DESC);

-- The outbox, and the log of what became of it.
CREATE TABLE deliveries (
    id uuid PRIMARY KEY,
    webhook_id uuid NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    kind text NOT NULL,
    body text NOT NULL,
    created_at timestamptz NOT NULL,
    status text NOT NULL,
    attempts bigint NOT NULL,
    next_at timestamptz,
    last_at timestamptz,
    last_status integer,
    last_error text
);
CREATE INDEX deliveries_newest ON deliveries (webhook_id, created_at DESC, id DESC);
-- By webhook, so that those of a disabled one stand in nobody's way.
CREATE INDEX deliveries_due ON deliveries (webhook_id, next_at, id) WHERE next_at IS NOT NULL;
CREATE INDEX deliveries_ended ON deliveries (created_at) WHERE status <> 'pending';
