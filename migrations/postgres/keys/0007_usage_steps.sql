-- The last step of usage that each node wrote: a step that is repeated is not counted twice.
CREATE TABLE usage_steps (
    node    uuid PRIMARY KEY,
    number  bigint NOT NULL,
    -- How many counts the step had.
    taken   bigint NOT NULL,
    at      timestamptz NOT NULL
);

-- The oldest are forgotten with each step.
CREATE INDEX usage_steps_by_age ON usage_steps (at);
