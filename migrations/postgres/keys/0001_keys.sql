-- The number of the last change. Every change takes the next one first, and so holds this row until it commits:
-- changes stand in line, and numbers follow commit order, which a sequence would not give.
CREATE TABLE meta (
    name text PRIMARY KEY,
    value bigint NOT NULL
);
INSERT INTO meta (name, value) VALUES ('seq', 0);

-- Ids in byte order, as cursors compare them.
CREATE TABLE tenants (
    id text COLLATE "C" PRIMARY KEY,
    name text,
    created_at timestamptz NOT NULL
);
CREATE INDEX tenants_newest ON tenants (created_at DESC, id DESC);

-- JSON stands in `json`, not `jsonb`: the latter rewrites numbers, which changes their type and their length.
CREATE TABLE keys (
    id uuid PRIMARY KEY,
    tenant_id text NOT NULL REFERENCES tenants,
    prefix text NOT NULL,
    name text NOT NULL,
    description text,
    scopes text NOT NULL,
    rate_limit integer,
    enabled boolean NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text,
    expires_at timestamptz,
    revoked_at timestamptz,
    metadata json NOT NULL,
    -- Whether the scopes grant `admin`: finds the admin keys of a tenant.
    manages boolean NOT NULL,
    -- The number of its last change.
    changed bigint NOT NULL UNIQUE
);
CREATE INDEX keys_newest ON keys (tenant_id, created_at DESC, id DESC);
CREATE INDEX keys_unrevoked ON keys (tenant_id, created_at DESC, id DESC) WHERE revoked_at IS NULL;
CREATE INDEX keys_admin ON keys (tenant_id) WHERE manages AND revoked_at IS NULL;

CREATE TABLE key_secrets (
    digest bytea PRIMARY KEY,
    key_id uuid NOT NULL REFERENCES keys,
    -- Set while a rotation overlaps.
    ends_at timestamptz
);
CREATE INDEX key_secrets_key ON key_secrets (key_id);

-- No references to `keys`: they would lock its rows, and use never touches a key's record.
CREATE TABLE key_usage (
    key_id uuid PRIMARY KEY,
    usage_count bigint NOT NULL,
    rate_limited bigint NOT NULL,
    insufficient_scope bigint NOT NULL,
    last_used_at timestamptz,
    last_used_from text
) WITH (fillfactor = 70);

-- Days since 1970-01-01.
CREATE TABLE key_usage_days (
    key_id uuid NOT NULL,
    day integer NOT NULL,
    requests bigint NOT NULL,
    PRIMARY KEY (key_id, day)
) WITH (fillfactor = 70);

CREATE TABLE claims (
    scope text NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    target text NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (scope, key)
);
CREATE INDEX claims_end ON claims (expires_at);

CREATE TABLE audit (
    seq bigint PRIMARY KEY,
    time timestamptz NOT NULL,
    tenant_id text NOT NULL,
    actor_kind text NOT NULL,
    actor_id text,
    door text NOT NULL,
    action text NOT NULL,
    target_kind text NOT NULL,
    target_id text NOT NULL,
    address text,
    request_id text,
    detail json NOT NULL
);
