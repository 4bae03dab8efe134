-- The link of the chain. Records from before have none: the chain starts behind them.
ALTER TABLE audit ADD COLUMN hash BLOB;

-- An index ends with the row's own number, which is `seq`: each list is in its order.
CREATE INDEX audit_of_tenant ON audit (tenant_id);
CREATE INDEX audit_of_tenant_by_action ON audit (tenant_id, action);
CREATE INDEX audit_of_tenant_by_actor ON audit (tenant_id, actor_kind, actor_id);
CREATE INDEX audit_by_action ON audit (action);
CREATE INDEX audit_by_actor ON audit (actor_kind, actor_id);

CREATE TABLE notes (
    name      TEXT PRIMARY KEY,
    text      TEXT NOT NULL,
    lapses_at INTEGER NOT NULL
) STRICT;

CREATE INDEX notes_by_end ON notes (lapses_at);

-- What the figures of a tenant's keys are counted from.
CREATE INDEX keys_by_state ON keys (tenant_id, revoked_at, enabled, expires_at, created_at, id);
CREATE INDEX key_usage_by_last ON key_usage (last_used_at);
