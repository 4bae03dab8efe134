-- The last step of usage that each node wrote: a step that is repeated is not counted twice.
CREATE TABLE usage_steps (
    node    TEXT PRIMARY KEY,
    number  INTEGER NOT NULL,
    -- How many counts the step had.
    taken   INTEGER NOT NULL,
    at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The oldest are forgotten with each step.
CREATE INDEX usage_steps_by_age ON usage_steps (at);
