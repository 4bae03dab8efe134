-- Times are microseconds since 1970 in UTC, ids are their text: it sorts as the model does.
-- A migration that was released is never edited; the next one changes what it left.

CREATE TABLE jobs (
    id                TEXT PRIMARY KEY,
    tenant_id         TEXT NOT NULL REFERENCES tenants (id),
    status            TEXT NOT NULL,
    filename          TEXT,
    content_type      TEXT,
    size_bytes        INTEGER NOT NULL,
    audio_format      TEXT NOT NULL,
    audio_seconds     REAL,
    audio_sample_rate INTEGER,
    audio_channels    INTEGER,
    model             TEXT,
    language          TEXT,
    metadata          TEXT NOT NULL,
    created_at        INTEGER NOT NULL,
    created_by        TEXT,
    started_at        INTEGER,
    completed_at      INTEGER,
    error             TEXT,
    result            TEXT
) STRICT;

CREATE INDEX jobs_by_age ON jobs (tenant_id, created_at DESC, id DESC);
CREATE INDEX jobs_by_status ON jobs (tenant_id, status, created_at DESC, id DESC);
