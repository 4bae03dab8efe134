-- The link of the chain. Records from before have none: the chain starts behind them.
ALTER TABLE audit ADD COLUMN hash bytea;

-- The pages of the record. An actor without an id has the empty one, so that the index finds it.
CREATE INDEX audit_of_tenant ON audit (tenant_id DESC, seq DESC);
CREATE INDEX audit_of_tenant_by_action ON audit (tenant_id DESC, action DESC, seq DESC);
CREATE INDEX audit_of_tenant_by_actor ON audit (tenant_id DESC, actor_kind DESC, coalesce(actor_id, '') DESC, seq DESC);
CREATE INDEX audit_by_action ON audit (action DESC, seq DESC);
CREATE INDEX audit_by_actor ON audit (actor_kind DESC, coalesce(actor_id, '') DESC, seq DESC);

-- Bytes, not text, which cannot hold U+0000.
CREATE TABLE notes (
    name bytea PRIMARY KEY,
    text bytea NOT NULL,
    lapses_at timestamptz NOT NULL
);
CREATE INDEX notes_end ON notes (lapses_at);

-- What the figures of a tenant's keys are counted from. The index on the last use is on its hour, so that an update
-- touches no index but once an hour.
CREATE INDEX keys_open ON keys (tenant_id, expires_at, created_at, id) WHERE revoked_at IS NULL AND enabled;
CREATE INDEX keys_revoked ON keys (tenant_id) WHERE revoked_at IS NOT NULL;
ALTER TABLE key_usage ADD COLUMN used_hour bigint
    GENERATED ALWAYS AS (floor(extract(epoch FROM last_used_at - timestamptz '2000-01-01 00:00:00+00') / 3600)) STORED;
CREATE INDEX key_usage_hour ON key_usage (used_hour);
