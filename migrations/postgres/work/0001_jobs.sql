-- JSON stands in `json`, not `jsonb`: the latter rewrites numbers, which changes their type and their length.
CREATE TABLE jobs (
    id uuid PRIMARY KEY,
    tenant_id text NOT NULL REFERENCES tenants,
    status text NOT NULL,
    filename text,
    content_type text,
    size_bytes bigint NOT NULL,
    audio json NOT NULL,
    model text,
    language text,
    metadata json NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text,
    started_at timestamptz,
    completed_at timestamptz,
    error text,
    result json
);
CREATE INDEX jobs_newest ON jobs (tenant_id, created_at DESC, id DESC);
CREATE INDEX jobs_newest_of_status ON jobs (tenant_id, status, created_at DESC, id DESC);
