-- The requests of a key that count: `counts[i]` were admitted in the second `seconds[i]`, oldest first. The index is on
-- the hour of the last one, so that an update touches no index but once an hour.
CREATE TABLE limit_windows (
    key_id uuid PRIMARY KEY,
    seconds bigint[] NOT NULL,
    counts bigint[] NOT NULL,
    hour bigint NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX limit_windows_hour ON limit_windows (hour);

-- Takes one unit when fewer than `most` count. At a time in second s the seconds s - 60 to s count. `given` is the
-- time, the server's own when it is null; `frees_in` is in microseconds.
CREATE FUNCTION take_unit(
    taker uuid, most bigint, given timestamptz, OUT admitted boolean, OUT used bigint, OUT frees_in bigint
) LANGUAGE plpgsql AS $$
DECLARE
    micros bigint;
    at_second bigint;
    kept_seconds bigint[];
    kept_counts bigint[];
    last_to_go bigint;
BEGIN
    -- A counter, not a record: a crash may lose the last moments of it, a flush to the disk for each request may not be.
    PERFORM set_config('synchronous_commit', 'off', true);
    LOOP
        SELECT w.seconds, w.counts INTO kept_seconds, kept_counts
            FROM limit_windows w WHERE w.key_id = taker FOR UPDATE;
        -- The time is read under the lock: it does not run backwards from one take to the next.
        micros := floor(extract(epoch FROM coalesce(given, clock_timestamp())) * 1000000);
        at_second := floor(micros / 1000000.0);
        EXIT WHEN FOUND;
        -- Each new window clears away two that were not used for an hour or more, so the table never only grows.
        DELETE FROM limit_windows WHERE key_id = ANY (ARRAY(
            SELECT w.key_id FROM limit_windows w WHERE w.hour < at_second / 3600 - 1
                ORDER BY w.hour LIMIT 2 FOR UPDATE SKIP LOCKED));
        INSERT INTO limit_windows VALUES (taker, '{}', '{}', at_second / 3600) ON CONFLICT DO NOTHING;
    END LOOP;
    -- A clock that runs backwards is held at the latest second seen.
    at_second := greatest(at_second, kept_seconds[cardinality(kept_seconds)]);

    SELECT array_agg(s ORDER BY s), array_agg(c ORDER BY s), coalesce(sum(c), 0)
        INTO kept_seconds, kept_counts, used
        FROM unnest(kept_seconds, kept_counts) AS kept (s, c) WHERE s >= at_second - 60;
    admitted := used < most;
    IF admitted THEN
        used := used + 1;
        IF kept_seconds[cardinality(kept_seconds)] = at_second THEN
            kept_counts[cardinality(kept_counts)] := kept_counts[cardinality(kept_counts)] + 1;
        ELSE
            kept_seconds := kept_seconds || at_second;
            kept_counts := kept_counts || 1::bigint;
        END IF;
        UPDATE limit_windows SET seconds = kept_seconds, counts = kept_counts, hour = at_second / 3600
            WHERE key_id = taker;
        last_to_go := kept_seconds[1];
    ELSE
        -- The first second with which enough are gone for one more.
        SELECT min(s) INTO last_to_go FROM (
            SELECT s, used - sum(c) OVER (ORDER BY s) AS rest FROM unnest(kept_seconds, kept_counts) AS kept (s, c)
        ) AS going WHERE rest < most;
    END IF;
    frees_in := (last_to_go + 61) * 1000000 - micros;
END
$$;
