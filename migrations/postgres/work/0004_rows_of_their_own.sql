-- What the tenants' table had of work stands in a table of its own.
CREATE TABLE retention (
    tenant_id text PRIMARY KEY REFERENCES tenants,
    days bigint NOT NULL
);
INSERT INTO retention SELECT id, retention_days FROM tenants WHERE retention_days IS NOT NULL;
ALTER TABLE tenants DROP COLUMN retention_days;

-- A quota is a row: another kind needs no other table. The nil key stands for the tenant itself.
ALTER TABLE quotas RENAME TO quotas_before;
CREATE TABLE quotas (
    tenant_id text NOT NULL REFERENCES tenants,
    key_id uuid NOT NULL,
    kind text NOT NULL,
    most bigint NOT NULL,
    CONSTRAINT quotas_of_a_kind PRIMARY KEY (tenant_id, key_id, kind)
);
INSERT INTO quotas
    SELECT tenant_id, key_id, kind, most FROM quotas_before CROSS JOIN LATERAL (VALUES
        ('seconds', seconds_per_day), ('jobs', concurrent_jobs), ('streams', concurrent_streams)
    ) AS limits (kind, most) WHERE most IS NOT NULL;
DROP TABLE quotas_before;
