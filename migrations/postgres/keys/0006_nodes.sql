-- What nodes admitted without the counter: `alone_units[i]` is all that the node `alone_nodes[i]` reported of its second
-- `alone_seconds[i]`, and counts in the slot `alone_slots[i]`, in `counts` too.
ALTER TABLE limit_windows
    ADD COLUMN alone_nodes uuid[] NOT NULL DEFAULT '{}',
    ADD COLUMN alone_seconds bigint[] NOT NULL DEFAULT '{}',
    ADD COLUMN alone_slots bigint[] NOT NULL DEFAULT '{}',
    ADD COLUMN alone_units bigint[] NOT NULL DEFAULT '{}';

-- The nodes that share the counter: the turn in which each joined, the last one in which it registered, that of the list
-- by which it goes, and when it registered, in microseconds.
CREATE TABLE limit_nodes (
    node_id uuid PRIMARY KEY,
    joined bigint NOT NULL,
    turn bigint NOT NULL,
    seen bigint NOT NULL,
    at bigint NOT NULL
);

-- As before, but for a clock that was set back: all that is kept moves back with it, as though no time had passed.
CREATE OR REPLACE FUNCTION open_window(
    taker uuid, given timestamptz, OUT micros bigint, OUT slot bigint, OUT kept limit_windows
) LANGUAGE plpgsql AS $$
DECLARE
    back bigint;
BEGIN
    -- A counter, not a record: a crash may lose the last moments of it, a flush to the disk for each request may not be.
    PERFORM set_config('synchronous_commit', 'off', true);
    LOOP
        SELECT w.* INTO kept FROM limit_windows w WHERE w.key_id = taker FOR UPDATE;
        -- The time is read under the lock: it does not run backwards from one take to the next.
        micros := floor(extract(epoch FROM coalesce(given, clock_timestamp())) * 1000000);
        slot := floor(micros / 250000.0);
        EXIT WHEN FOUND;
        -- Each new window clears away two that were not used for an hour or more, so the table never only grows.
        DELETE FROM limit_windows WHERE key_id = ANY (ARRAY(
            SELECT w.key_id FROM limit_windows w WHERE w.hour < slot / 14400 - 1
                ORDER BY w.hour LIMIT 2 FOR UPDATE SKIP LOCKED));
        INSERT INTO limit_windows (key_id, slots, counts, hour) VALUES (taker, '{}', '{}', slot / 14400)
            ON CONFLICT DO NOTHING;
    END LOOP;
    back := kept.newest - slot;
    IF back > 0 THEN
        kept.newest := slot;
        kept.slots := ARRAY(SELECT s - back FROM unnest(kept.slots) WITH ORDINALITY AS k (s, i) ORDER BY i);
        kept.lent_lasts := ARRAY(SELECT s - back FROM unnest(kept.lent_lasts) WITH ORDINALITY AS k (s, i) ORDER BY i);
        kept.alone_slots := ARRAY(SELECT s - back FROM unnest(kept.alone_slots) WITH ORDINALITY AS k (s, i) ORDER BY i);
        UPDATE limit_windows
            SET newest = kept.newest, slots = kept.slots, lent_lasts = kept.lent_lasts, alone_slots = kept.alone_slots
            WHERE key_id = taker;
    END IF;
    IF kept.slots[1] < slot - 240 THEN
        SELECT coalesce(array_agg(s ORDER BY s), '{}'), coalesce(array_agg(c ORDER BY s), '{}')
            INTO kept.slots, kept.counts
            FROM unnest(kept.slots, kept.counts) AS all_slots (s, c) WHERE s >= slot - 240;
    END IF;
END
$$;

-- Counts what a node admitted without the counter. Of its second `seconds[i]`, which ended `ages[i]` slots ago, it
-- admitted `sums[i]` in all; what is known of it is not counted again.
CREATE FUNCTION report_units(
    taker uuid, given timestamptz, reporter uuid, seconds bigint[], ages bigint[], sums bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    opened record;
    kept limit_windows;
BEGIN
    SELECT * INTO opened FROM open_window(taker, given);
    kept := opened.kept;
    WITH known AS (
        SELECT * FROM unnest(kept.alone_nodes, kept.alone_seconds, kept.alone_slots, kept.alone_units)
            AS k (node, sec, s, u) WHERE s >= opened.slot - 240
    ), said AS (
        SELECT sec, opened.slot - age AS s, u FROM unnest(seconds, ages, sums) AS r (sec, age, u) WHERE age <= 240
    ), news AS (
        SELECT said.sec, said.s, said.u, said.u - coalesce(known.u, 0) AS more
            FROM said LEFT JOIN known ON known.node = reporter AND known.sec = said.sec
            WHERE said.u > coalesce(known.u, 0)
    ), counted AS (
        SELECT s, sum(c)::integer AS c FROM (
            SELECT s, c::bigint FROM unnest(kept.slots, kept.counts) AS counts (s, c)
            UNION ALL SELECT s, more FROM news
        ) AS every GROUP BY s
    ), reported AS (
        SELECT node, sec, max(s) AS s, max(u) AS u FROM (
            SELECT node, sec, s, u FROM known UNION ALL SELECT reporter, sec, s, u FROM news
        ) AS every GROUP BY node, sec
    )
    UPDATE limit_windows SET
        slots = (SELECT coalesce(array_agg(s ORDER BY s), '{}') FROM counted),
        counts = (SELECT coalesce(array_agg(c ORDER BY s), '{}') FROM counted),
        newest = opened.slot,
        hour = opened.slot / 14400,
        alone_nodes = (SELECT coalesce(array_agg(node ORDER BY node, sec), '{}') FROM reported),
        alone_seconds = (SELECT coalesce(array_agg(sec ORDER BY node, sec), '{}') FROM reported),
        alone_slots = (SELECT coalesce(array_agg(s ORDER BY node, sec), '{}') FROM reported),
        alone_units = (SELECT coalesce(array_agg(u ORDER BY node, sec), '{}') FROM reported)
        WHERE key_id = taker;
END
$$;

-- Registers a node among those that share the counter, for `lease` microseconds. `saw` is the turn of the list by which
-- it goes. How many nodes there are, how many of them joined before, and the turn; no rank as long as one of these
-- goes by a list without this one.
CREATE FUNCTION enlist_node(
    node uuid, saw bigint, lease bigint, given timestamptz, OUT nodes bigint, OUT rank bigint, OUT turn bigint
) LANGUAGE plpgsql AS $$
DECLARE
    micros bigint;
    mine bigint;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    -- One after the other, as each takes the next turn.
    LOCK TABLE limit_nodes IN SHARE ROW EXCLUSIVE MODE;
    micros := floor(extract(epoch FROM coalesce(given, clock_timestamp())) * 1000000);
    -- The clock may have been set back.
    UPDATE limit_nodes SET at = micros WHERE at > micros;
    DELETE FROM limit_nodes WHERE at < micros - lease;
    turn := 1 + coalesce((SELECT max(n.turn) FROM limit_nodes n), 0);
    -- What a node saw that was not on the list was another list.
    INSERT INTO limit_nodes AS n VALUES (node, enlist_node.turn, enlist_node.turn, 0, micros)
        ON CONFLICT (node_id)
            DO UPDATE SET turn = enlist_node.turn, seen = least(saw, n.turn), at = micros
        RETURNING n.joined INTO mine;
    SELECT count(*) FILTER (WHERE n.joined < mine), count(*) INTO rank, nodes FROM limit_nodes n;
    IF EXISTS (SELECT FROM limit_nodes n WHERE n.joined < mine AND n.seen < mine) THEN
        rank := NULL;
    END IF;
END
$$;
