-- Times are microseconds since 1970 in UTC, days are days since then, ids are their text: it sorts as the model does.
-- A migration that was released is never edited; the next one changes what it left.

CREATE TABLE tenants (
    id         TEXT PRIMARY KEY,
    name       TEXT,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX tenants_by_age ON tenants (created_at DESC, id DESC);

CREATE TABLE keys (
    id          TEXT PRIMARY KEY,
    tenant_id   TEXT NOT NULL REFERENCES tenants (id),
    prefix      TEXT NOT NULL,
    name        TEXT NOT NULL,
    description TEXT,
    scopes      TEXT NOT NULL,
    rate_limit  INTEGER,
    enabled     INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    created_by  TEXT,
    expires_at  INTEGER,
    revoked_at  INTEGER,
    metadata    TEXT NOT NULL,
    -- Whether the scopes grant `admin`: what that takes is known to the model, not to SQL.
    manages     INTEGER NOT NULL,
    -- The `audit.seq` of the last change.
    changed     INTEGER NOT NULL
) STRICT;

CREATE INDEX keys_by_age ON keys (tenant_id, created_at DESC, id DESC);
CREATE INDEX keys_unrevoked_by_age ON keys (tenant_id, created_at DESC, id DESC) WHERE revoked_at IS NULL;
CREATE INDEX keys_managing ON keys (tenant_id) WHERE manages AND revoked_at IS NULL;
CREATE UNIQUE INDEX keys_by_change ON keys (changed);

CREATE TABLE key_secrets (
    digest  BLOB PRIMARY KEY,
    key_id  TEXT NOT NULL REFERENCES keys (id),
    -- NULL for the current secret, the end of the overlap for the one before.
    ends_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX key_secrets_by_key ON key_secrets (key_id);

-- Usage lives beside the keys, so that using a key never writes its record.
CREATE TABLE key_usage (
    key_id             TEXT PRIMARY KEY REFERENCES keys (id),
    usage_count        INTEGER NOT NULL,
    rate_limited       INTEGER NOT NULL,
    insufficient_scope INTEGER NOT NULL,
    last_used_at       INTEGER,
    last_used_from     TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE key_usage_days (
    key_id   TEXT NOT NULL REFERENCES keys (id),
    day      INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    PRIMARY KEY (key_id, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE claims (
    scope       TEXT NOT NULL,
    key         TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    target      TEXT NOT NULL,
    expires_at  INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT;

CREATE INDEX claims_by_end ON claims (expires_at);

-- One row for every change. AUTOINCREMENT never gives a number twice, and there is one writer at a time: `seq` is the
-- number of the change, in commit order.
CREATE TABLE audit (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    time        INTEGER NOT NULL,
    tenant_id   TEXT NOT NULL,
    actor_kind  TEXT NOT NULL,
    actor_id    TEXT,
    door        TEXT NOT NULL,
    action      TEXT NOT NULL,
    target_kind TEXT NOT NULL,
    target_id   TEXT NOT NULL,
    address     TEXT,
    request_id  TEXT,
    detail      TEXT NOT NULL
) STRICT;
