-- Slots of 250 ms instead of seconds, and the slices that nodes were lent: `lent_ids[i]` may be spent up to the slot
-- `lent_lasts[i]`, where its `lent_units[i]` are counted until it is settled. What was counted by the second counts in
-- the last slot of it.
ALTER TABLE limit_windows RENAME COLUMN seconds TO slots;
ALTER TABLE limit_windows
    ADD COLUMN newest bigint NOT NULL DEFAULT 0,
    ADD COLUMN lent_ids uuid[] NOT NULL DEFAULT '{}',
    ADD COLUMN lent_lasts bigint[] NOT NULL DEFAULT '{}',
    ADD COLUMN lent_units bigint[] NOT NULL DEFAULT '{}',
    ALTER COLUMN counts TYPE integer[],
    -- 241 slots are under 3 KB: to compress them at each request would cost more than they do.
    ALTER COLUMN slots SET STORAGE PLAIN,
    ALTER COLUMN counts SET STORAGE PLAIN;
UPDATE limit_windows SET
    slots = ARRAY(SELECT s * 4 + 3 FROM unnest(slots) WITH ORDINALITY AS kept (s, i) ORDER BY i),
    newest = coalesce(slots[cardinality(slots)] * 4 + 3, 0);

-- The window of a key, locked until the end of the transaction, and the time by which it goes: the current slot and
-- what counts in it. `given` is the time, the server's own when it is null.
CREATE FUNCTION open_window(
    taker uuid, given timestamptz, OUT micros bigint, OUT slot bigint, OUT kept limit_windows
) LANGUAGE plpgsql AS $$
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
    -- A clock that runs backwards is held at the latest slot in which something was counted.
    slot := greatest(slot, kept.newest);
    IF kept.slots[1] < slot - 240 THEN
        SELECT coalesce(array_agg(s ORDER BY s), '{}'), coalesce(array_agg(c ORDER BY s), '{}')
            INTO kept.slots, kept.counts
            FROM unnest(kept.slots, kept.counts) AS all_slots (s, c) WHERE s >= slot - 240;
    END IF;
END
$$;

-- The first slot with whose end at most `keep` of the units count; null when they do at once.
CREATE FUNCTION last_to_go(slots bigint[], counts integer[], keep bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT min(s) FROM (
        SELECT s, sum(c) OVER () - sum(c) OVER (ORDER BY s) AS rest FROM unnest(slots, counts) AS kept (s, c)
    ) AS going WHERE rest <= keep
$$;

-- Takes one unit when fewer than `most` count. At a time in slot s the slots from s - 240 on count. `frees_in` is in
-- microseconds.
CREATE OR REPLACE FUNCTION take_unit(
    taker uuid, most bigint, given timestamptz, OUT admitted boolean, OUT used bigint, OUT frees_in bigint
) LANGUAGE plpgsql AS $$
DECLARE
    opened record;
    kept limit_windows;
    place bigint;
    going bigint;
BEGIN
    SELECT * INTO opened FROM open_window(taker, given);
    kept := opened.kept;
    used := coalesce((SELECT sum(c) FROM unnest(kept.counts) AS counted (c)), 0);
    admitted := used < most;
    IF admitted THEN
        used := used + 1;
        place := array_position(kept.slots, opened.slot);
        IF place IS NOT NULL THEN
            kept.counts[place] := kept.counts[place] + 1;
        ELSE
            -- Slices lie ahead of it.
            place := (SELECT count(*) FROM unnest(kept.slots) AS before (s) WHERE s < opened.slot);
            kept.slots := kept.slots[:place] || opened.slot || kept.slots[place + 1:];
            kept.counts := kept.counts[:place] || 1 || kept.counts[place + 1:];
        END IF;
        UPDATE limit_windows
            SET slots = kept.slots, counts = kept.counts, newest = opened.slot, hour = opened.slot / 14400
            WHERE key_id = taker;
        going := kept.slots[1];
    ELSE
        going := last_to_go(kept.slots, kept.counts, most - 1);
    END IF;
    frees_in := (going + 241) * 250000 - opened.micros;
END
$$;

-- Settles the slices `closed`, of which the units `spent_units[i]` were spent in the slot `spent_slots[i]` of the slice
-- `spent_ids[i]`, and lends the slice `lease`: as many of the `want` units as there will be within eight slots, from
-- the first slot on in which there are as many. Times are in microseconds.
CREATE FUNCTION lend_units(
    taker uuid, most bigint, given timestamptz, lease uuid, want bigint,
    closed uuid[], spent_ids uuid[], spent_slots bigint[], spent_units bigint[],
    OUT units bigint, OUT now_at bigint, OUT starts bigint, OUT ends bigint, OUT used bigint, OUT frees_in bigint
) LANGUAGE plpgsql AS $$
DECLARE
    opened record;
    kept limit_windows;
    first bigint;
BEGIN
    SELECT * INTO opened FROM open_window(taker, given);
    kept := opened.kept;
    WITH lent AS (
        SELECT * FROM unnest(kept.lent_ids, kept.lent_lasts, kept.lent_units) AS l (id, last, size)
    ), done AS (
        -- One that was lent under the id that is asked for was lent in vain: the answer was lost.
        SELECT * FROM lent WHERE id = ANY (closed) OR id = lease
    ), moved AS (
        SELECT s, c::bigint AS c FROM unnest(kept.slots, kept.counts) AS counted (s, c)
        UNION ALL SELECT last, -size FROM done
        UNION ALL SELECT least(spent.s, done.last), spent.c
            FROM (SELECT DISTINCT * FROM unnest(spent_ids, spent_slots, spent_units) AS said (id, s, c)) AS spent
            JOIN done USING (id)
    ), counted AS (
        SELECT s, sum(c)::integer AS c FROM moved WHERE s >= opened.slot - 240 GROUP BY s HAVING sum(c) > 0
    )
    SELECT (SELECT coalesce(array_agg(s ORDER BY s), '{}') FROM counted),
           (SELECT coalesce(array_agg(c ORDER BY s), '{}') FROM counted),
           (SELECT coalesce(sum(c), 0) FROM counted),
           least(want, most - (SELECT coalesce(sum(c), 0) FROM counted WHERE s >= opened.slot - 232)),
           coalesce(array_agg(id), '{}'), coalesce(array_agg(last), '{}'), coalesce(array_agg(size), '{}')
        INTO kept.slots, kept.counts, used, units, kept.lent_ids, kept.lent_lasts, kept.lent_units
        FROM lent WHERE last >= opened.slot - 240 AND id NOT IN (SELECT id FROM done);
    units := greatest(units, 0);
    first := opened.slot;
    IF units > 0 THEN
        IF most - used < units THEN
            first := last_to_go(kept.slots, kept.counts, most - units) + 241;
        END IF;
        kept.lent_ids := kept.lent_ids || lease;
        kept.lent_lasts := kept.lent_lasts || first + 8;
        kept.lent_units := kept.lent_units || units;
        SELECT array_agg(s ORDER BY s), array_agg(c ORDER BY s) INTO kept.slots, kept.counts FROM (
            SELECT s, sum(c)::integer AS c FROM (
                SELECT s, c::bigint FROM unnest(kept.slots, kept.counts) AS counted (s, c)
                UNION ALL SELECT first + 8, units
            ) AS every GROUP BY s
        ) AS counted;
        used := used + units;
        frees_in := (kept.slots[1] + 241) * 250000 - opened.micros;
    ELSE
        frees_in := (last_to_go(kept.slots, kept.counts, most - 1) + 241) * 250000 - opened.micros;
    END IF;
    now_at := greatest(opened.micros, opened.slot * 250000);
    starts := greatest(now_at, first * 250000);
    ends := (first + 9) * 250000;
    frees_in := coalesce(greatest(frees_in, 0), 0);
    UPDATE limit_windows
        SET slots = kept.slots, counts = kept.counts, newest = opened.slot, hour = opened.slot / 14400,
            lent_ids = kept.lent_ids, lent_lasts = kept.lent_lasts, lent_units = kept.lent_units
        WHERE key_id = taker;
END
$$;
