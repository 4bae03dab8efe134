-- What the tenants' table had of work stands in tables of its own.
CREATE TABLE retention (
    tenant_id TEXT PRIMARY KEY REFERENCES tenants (id),
    days      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO retention SELECT id, retention_days FROM tenants WHERE retention_days IS NOT NULL;

-- The number of a tenant's last turn in the queue.
CREATE TABLE turns (
    tenant_id TEXT PRIMARY KEY REFERENCES tenants (id),
    turn      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX turns_by_number ON turns (turn);

INSERT INTO turns SELECT id, served FROM tenants WHERE served > 0;

DROP INDEX tenants_by_turn;
ALTER TABLE tenants DROP COLUMN retention_days;
ALTER TABLE tenants DROP COLUMN served;

-- A quota is a row: another kind needs no other table. The tenant itself stands under the empty key.
ALTER TABLE quotas RENAME TO quotas_before;

CREATE TABLE quotas (
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    key_id    TEXT NOT NULL,
    kind      TEXT NOT NULL,
    most      INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, key_id, kind)
) STRICT, WITHOUT ROWID;

INSERT INTO quotas
    SELECT tenant_id, key_id, 'seconds', seconds_per_day FROM quotas_before WHERE seconds_per_day IS NOT NULL
    UNION ALL SELECT tenant_id, key_id, 'jobs', concurrent_jobs FROM quotas_before WHERE concurrent_jobs IS NOT NULL
    UNION ALL SELECT tenant_id, key_id, 'streams', concurrent_streams FROM quotas_before
        WHERE concurrent_streams IS NOT NULL;

DROP TABLE quotas_before;
