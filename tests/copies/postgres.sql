SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE FUNCTION public.enlist_node(node uuid, saw bigint, lease bigint, given timestamp with time zone, OUT nodes bigint, OUT rank bigint, OUT turn bigint) RETURNS record
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION public.last_to_go(slots bigint[], counts integer[], keep bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT min(s) FROM (
        SELECT s, sum(c) OVER () - sum(c) OVER (ORDER BY s) AS rest FROM unnest(slots, counts) AS kept (s, c)
    ) AS going WHERE rest <= keep
$$;
CREATE FUNCTION public.lend_units(taker uuid, most bigint, given timestamp with time zone, lease uuid, want bigint, closed uuid[], spent_ids uuid[], spent_slots bigint[], spent_units bigint[], OUT units bigint, OUT now_at bigint, OUT starts bigint, OUT ends bigint, OUT used bigint, OUT frees_in bigint) RETURNS record
    LANGUAGE plpgsql
    AS $$
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
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.limit_windows (
    key_id uuid NOT NULL,
    slots bigint[] NOT NULL,
    counts integer[] NOT NULL,
    hour bigint NOT NULL,
    newest bigint DEFAULT 0 NOT NULL,
    lent_ids uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    lent_lasts bigint[] DEFAULT '{}'::bigint[] NOT NULL,
    lent_units bigint[] DEFAULT '{}'::bigint[] NOT NULL,
    alone_nodes uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    alone_seconds bigint[] DEFAULT '{}'::bigint[] NOT NULL,
    alone_slots bigint[] DEFAULT '{}'::bigint[] NOT NULL,
    alone_units bigint[] DEFAULT '{}'::bigint[] NOT NULL
)
WITH (fillfactor='50');
ALTER TABLE ONLY public.limit_windows ALTER COLUMN slots SET STORAGE PLAIN;
ALTER TABLE ONLY public.limit_windows ALTER COLUMN counts SET STORAGE PLAIN;
CREATE FUNCTION public.open_window(taker uuid, given timestamp with time zone, OUT micros bigint, OUT slot bigint, OUT kept public.limit_windows) RETURNS record
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION public.report_units(taker uuid, given timestamp with time zone, reporter uuid, seconds bigint[], ages bigint[], sums bigint[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION public.take_unit(taker uuid, most bigint, given timestamp with time zone, OUT admitted boolean, OUT used bigint, OUT frees_in bigint) RETURNS record
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION public.tell_of_keys() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM pg_notify('dalston_keys', '');
    RETURN NULL;
END
$$;
CREATE TABLE public._sqlx_migrations (
    version bigint NOT NULL,
    description text NOT NULL,
    installed_on timestamp with time zone DEFAULT now() NOT NULL,
    success boolean NOT NULL,
    checksum bytea NOT NULL,
    execution_time bigint NOT NULL
);
CREATE TABLE public.audit (
    seq bigint NOT NULL,
    "time" timestamp with time zone NOT NULL,
    tenant_id text NOT NULL,
    actor_kind text NOT NULL,
    actor_id text,
    door text NOT NULL,
    action text NOT NULL,
    target_kind text NOT NULL,
    target_id text NOT NULL,
    address text,
    request_id text,
    detail json NOT NULL,
    hash bytea
);
CREATE TABLE public.claims (
    scope text NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    target text NOT NULL,
    expires_at timestamp with time zone NOT NULL
);
CREATE TABLE public.deliveries (
    id uuid NOT NULL,
    webhook_id uuid NOT NULL,
    kind text NOT NULL,
    body text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    status text NOT NULL,
    attempts bigint NOT NULL,
    next_at timestamp with time zone,
    last_at timestamp with time zone,
    last_status integer,
    last_error text
);
CREATE TABLE public.jobs (
    id uuid NOT NULL,
    tenant_id text NOT NULL,
    status text NOT NULL,
    filename text,
    content_type text,
    size_bytes bigint NOT NULL,
    audio json NOT NULL,
    model text,
    language text,
    metadata json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    created_by text,
    started_at timestamp with time zone,
    completed_at timestamp with time zone,
    error text,
    result json,
    options json,
    progress integer,
    due_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    fence bigint DEFAULT 0 NOT NULL,
    lease_ends timestamp with time zone,
    reserved_ms bigint DEFAULT 0 NOT NULL,
    deaths bigint DEFAULT 0 NOT NULL
);
CREATE TABLE public.key_secrets (
    digest bytea NOT NULL,
    key_id uuid NOT NULL,
    ends_at timestamp with time zone
);
CREATE TABLE public.key_usage (
    key_id uuid NOT NULL,
    usage_count bigint NOT NULL,
    rate_limited bigint NOT NULL,
    insufficient_scope bigint NOT NULL,
    last_used_at timestamp with time zone,
    last_used_from text,
    used_hour bigint GENERATED ALWAYS AS (floor((EXTRACT(epoch FROM (last_used_at - '2000-01-01 00:00:00+00'::timestamp with time zone)) / (3600)::numeric))) STORED
)
WITH (fillfactor='70');
CREATE TABLE public.key_usage_days (
    key_id uuid NOT NULL,
    day integer NOT NULL,
    requests bigint NOT NULL
)
WITH (fillfactor='70');
CREATE TABLE public.keys (
    id uuid NOT NULL,
    tenant_id text NOT NULL,
    prefix text NOT NULL,
    name text NOT NULL,
    description text,
    scopes text NOT NULL,
    rate_limit integer,
    enabled boolean NOT NULL,
    created_at timestamp with time zone NOT NULL,
    created_by text,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    metadata json NOT NULL,
    manages boolean NOT NULL,
    changed bigint NOT NULL
);
CREATE TABLE public.limit_nodes (
    node_id uuid NOT NULL,
    joined bigint NOT NULL,
    turn bigint NOT NULL,
    seen bigint NOT NULL,
    at bigint NOT NULL
);
CREATE TABLE public.meta (
    name text NOT NULL,
    value bigint NOT NULL
);
CREATE TABLE public.meter (
    tenant_id text NOT NULL,
    key_id uuid NOT NULL,
    day integer NOT NULL,
    jobs_ms bigint NOT NULL,
    streams_ms bigint NOT NULL
)
WITH (fillfactor='50');
CREATE TABLE public.notes (
    name bytea NOT NULL,
    text bytea NOT NULL,
    lapses_at timestamp with time zone NOT NULL
);
CREATE TABLE public.quotas (
    tenant_id text NOT NULL,
    key_id uuid NOT NULL,
    seconds_per_day bigint,
    concurrent_jobs bigint,
    concurrent_streams bigint
);
CREATE TABLE public.sessions (
    id uuid NOT NULL,
    tenant_id text NOT NULL,
    key_id uuid,
    worker_id text,
    lapses_at timestamp with time zone NOT NULL
);
CREATE TABLE public.tenants (
    id text NOT NULL COLLATE pg_catalog."C",
    name text,
    created_at timestamp with time zone NOT NULL,
    retention_days bigint
);
CREATE TABLE public.turns (
    tenant_id text NOT NULL,
    turn bigint NOT NULL
)
WITH (fillfactor='50');
CREATE TABLE public.usage_steps (
    node uuid NOT NULL,
    number bigint NOT NULL,
    taken bigint NOT NULL,
    at timestamp with time zone NOT NULL
);
CREATE TABLE public.webhooks (
    id uuid NOT NULL,
    tenant_id text NOT NULL,
    url text NOT NULL,
    description text,
    events text[] NOT NULL,
    enabled boolean NOT NULL,
    disabled_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    created_by text,
    last_success_at timestamp with time zone,
    exhausted bigint NOT NULL,
    secret text NOT NULL,
    old_secret text,
    old_secret_ends_at timestamp with time zone
);
CREATE TABLE public.workers (
    id text NOT NULL,
    worker json NOT NULL,
    lapses_at timestamp with time zone NOT NULL
)
WITH (fillfactor='50');
INSERT INTO public._sqlx_migrations VALUES (1, 'store', '2026-11-30 18:49:34.364729+00', true, '\xeff9b8f08505b77ac602fffd0c977e2a647285b8eac7a18195774ac2b85c90a213ea30fb8ca903b7340ca109bcdc4d20', 109547423);
INSERT INTO public._sqlx_migrations VALUES (2, 'limits', '2026-11-30 18:49:34.364729+00', true, '\x36d21124b1b6cbc427de52f9d1aad138b25549f7fa9a1b58125b7f7c913bc8200ef0bbe03a33fdd673daf6063029f50f', 13768764);
INSERT INTO public._sqlx_migrations VALUES (3, 'audit and notes', '2026-11-30 18:49:34.364729+00', true, '\xdcd28dd05c62a67b18f21815787e0c399e787a95c838621688c72f6d146c7c26b8ef584e4a5f684f6675fa858e1af3ff', 53099433);
INSERT INTO public._sqlx_migrations VALUES (4, 'work', '2026-11-30 18:49:34.364729+00', true, '\x7631e366eaf0711edfc1b174321802d96cb88161db49e55a14bd479b5b75f8765cfa17739862467254cde042448289b8', 103713235);
INSERT INTO public._sqlx_migrations VALUES (5, 'leases', '2026-11-30 18:49:34.364729+00', true, '\xfe5efdc25b4a74f3006d26a5c08c1eb97b66639fef813fd1c133be261ea4c73c43517bc74b1102738064ad9c0b78a9e4', 19622891);
INSERT INTO public._sqlx_migrations VALUES (6, 'wakes', '2026-11-30 18:49:34.364729+00', true, '\x6bee7017ef4cfd58efd02a3662fa60d667bfadee86fde094b1a34bcefd3d8bf6284361b5699ff4682efd321bde68dbdc', 1297412);
INSERT INTO public._sqlx_migrations VALUES (7, 'deaths', '2026-11-30 18:49:34.364729+00', true, '\x8b1291b0aec3929d9c41a4eaee6def1e3f7cf41b19ac359d2b96ceaf8cec73044a8db764e65df780f3ce7fc2511bc812', 4909501);
INSERT INTO public._sqlx_migrations VALUES (8, 'nodes', '2026-11-30 18:49:34.364729+00', true, '\x6dce6b4d3cdd2d6ed009699f4231209bc64cc6c7becff2609a8039aa00a39127ca42002d6ea91727f87976fadea6b8ed', 9349061);
INSERT INTO public._sqlx_migrations VALUES (9, 'usage steps', '2026-11-30 18:49:34.364729+00', true, '\xa805b35e3b03d9d5493f278a4af909da0a94d2b6f0c71adae68d566ae14fdae0a68ceed885d8312374b4cf2716dd588b', 7953028);
INSERT INTO public.audit VALUES (1, '2026-11-30 18:49:34.762587+00', 'default', 'gateway', NULL, 'gateway', 'key.created', 'key', '01a22dca-7d2a-7ef8-9054-caedfa717741', NULL, NULL, '{"name":"Admin","scopes":["admin"],"first":true}', '\x9569591d847cf44806f02b59f4aed43e740c77a9e140a12b2396f8c50462a1a6');
INSERT INTO public.audit VALUES (2, '2026-11-30 18:49:35.265763+00', 'default', 'master', NULL, 'http', 'master.used', 'tenant', 'default', '127.0.0.1', '01a22dca7f21735983b1f2f428ca2a0a', '{"method":"POST","route":"/auth/keys"}', '\xf211d4513f5a066b73806b8041a75a91a462e26f6e5a0a0db95995b532dec133');
INSERT INTO public.audit VALUES (3, '2026-11-30 18:49:35.279691+00', 'default', 'master', NULL, 'http', 'key.created', 'key', '01a22dca-7f2f-7158-af8c-1b0def5447b2', '127.0.0.1', '01a22dca7f21735983b1f2f428ca2a0a', '{"name":"full","scopes":["jobs:read","jobs:write","realtime","webhooks","nudge"],"rate_limit":600}', '\xf7645880971819418f7bd2612b4b30235030d8be0e7350b187e42141590fe5e4');
INSERT INTO public.audit VALUES (4, '2026-11-30 18:49:35.292745+00', 'default', 'master', NULL, 'http', 'master.used', 'tenant', 'default', '127.0.0.1', '01a22dca7f3c7c43ad31cc63c9cc4e0c', '{"method":"POST","route":"/auth/keys"}', '\x13fe9c598a18ccaa3040d3126d41edd6cf19acbc2d78bdf614723c3e48b735c6');
INSERT INTO public.audit VALUES (5, '2026-11-30 18:49:35.297706+00', 'default', 'master', NULL, 'http', 'key.created', 'key', '01a22dca-7f41-7273-953d-78ba2108a5db', '127.0.0.1', '01a22dca7f3c7c43ad31cc63c9cc4e0c', '{"name":"admin","scopes":["admin"],"rate_limit":null}', '\x3eaf95980b30b66f4dbdd3cea6271f290321aae68e046ba97ed6ef44dd2d657d');
INSERT INTO public.audit VALUES (6, '2026-11-30 18:49:35.309102+00', 'default', 'master', NULL, 'http', 'master.used', 'tenant', 'default', '127.0.0.1', '01a22dca7f4d70cfac3aa0b794d51988', '{"method":"POST","route":"/auth/keys"}', '\xcd0d51d83bef83dfaa42c528315eaeae538070f4e5cd14b4603724f35c5d2cd7');
INSERT INTO public.audit VALUES (7, '2026-11-30 18:49:35.314917+00', 'default', 'master', NULL, 'http', 'key.created', 'key', '01a22dca-7f52-7157-ab0c-999f4782c7bd', '127.0.0.1', '01a22dca7f4d70cfac3aa0b794d51988', '{"name":"revoked","scopes":["jobs:read","jobs:write","realtime"],"rate_limit":null}', '\x821dd3ffeec5f1984958425ceebe1dbf47bcb100dc768ef7e27c023ed6cc6f0f');
INSERT INTO public.audit VALUES (8, '2026-11-30 18:49:35.32431+00', 'default', 'master', NULL, 'http', 'master.used', 'tenant', 'default', '127.0.0.1', '01a22dca7f5c775f8d95b1506dc4127d', '{"method":"DELETE","route":"/auth/keys/{key_id}"}', '\x1278f791ff48d62fe9646597f79e7b06b147b2ce523cd2ae471859dd50b78c55');
INSERT INTO public.audit VALUES (9, '2026-11-30 18:49:35.330915+00', 'default', 'master', NULL, 'http', 'key.revoked', 'key', '01a22dca-7f52-7157-ab0c-999f4782c7bd', '127.0.0.1', '01a22dca7f5c775f8d95b1506dc4127d', '{}', '\xd496227c669a5395dc0ab5c3cffb10cc510df1fe6e50d68bb8f8bc788347d897');
INSERT INTO public.audit VALUES (10, '2026-11-30 18:49:35.343657+00', 'default', 'master', NULL, 'http', 'master.used', 'tenant', 'default', '127.0.0.1', '01a22dca7f6f7d01b9ef72d354a3425d', '{"method":"POST","route":"/auth/keys"}', '\x2e463c272771457649d6989b3bcb46ac0d00cd155ffa00655f45de2930f61c6b');
INSERT INTO public.audit VALUES (11, '2026-11-30 18:49:35.35107+00', 'default', 'master', NULL, 'http', 'key.created', 'key', '01a22dca-7f77-7a32-b3f2-e30883a93af4', '127.0.0.1', '01a22dca7f6f7d01b9ef72d354a3425d', '{"name":"disabled","scopes":["jobs:read","jobs:write","realtime"],"rate_limit":null}', '\xb4a21467754d596641cbb5434c3601620a077864fbe64e7bce24259e479754c0');
INSERT INTO public.audit VALUES (12, '2026-11-30 18:49:35.365155+00', 'default', 'master', NULL, 'http', 'master.used', 'tenant', 'default', '127.0.0.1', '01a22dca7f85782cb65ee63590ec07b9', '{"method":"PATCH","route":"/auth/keys/{key_id}"}', '\xdc7481d885124ff6a149e8ac0b6d4214e1efffa6955c965b089b6801cd9fe085');
INSERT INTO public.audit VALUES (13, '2026-11-30 18:49:35.370956+00', 'default', 'master', NULL, 'http', 'key.updated', 'key', '01a22dca-7f77-7a32-b3f2-e30883a93af4', '127.0.0.1', '01a22dca7f85782cb65ee63590ec07b9', '{"fields":["enabled"],"enabled":false}', '\x84ee394171d93d4a5e601cd1d19419d93a545a730000c673868a4707111a86bf');
INSERT INTO public.audit VALUES (14, '2026-11-30 18:49:35.390367+00', 'default', 'master', NULL, 'http', 'master.used', 'tenant', 'default', '127.0.0.1', '01a22dca7f9e779cba6970d4a29d4269', '{"method":"POST","route":"/auth/keys"}', '\xafe5e6e792bb7916eee16baaa22fe1085ae9d15b3e860d7b83cebc1c782a513e');
INSERT INTO public.audit VALUES (15, '2026-11-30 18:49:35.398552+00', 'default', 'master', NULL, 'http', 'key.created', 'key', '01a22dca-7fa6-7608-a3ae-e5bf27df9d6a', '127.0.0.1', '01a22dca7f9e779cba6970d4a29d4269', '{"name":"rotated","scopes":["jobs:read","jobs:write","realtime"],"rate_limit":null}', '\xc968027fb45f69bb0b9c7397897269f5a180481d0c51ab52c5484618c529d30b');
INSERT INTO public.audit VALUES (16, '2026-11-30 18:49:35.409498+00', 'default', 'master', NULL, 'http', 'master.used', 'tenant', 'default', '127.0.0.1', '01a22dca7fb1714b964e73532f2881d1', '{"method":"POST","route":"/auth/keys/{key_id}/rotate"}', '\x9771d69c3624a305784a90d483dd231cb752ccc61a84de81277806785ea6f5ff');
INSERT INTO public.audit VALUES (17, '2026-11-30 18:49:35.419014+00', 'default', 'master', NULL, 'http', 'key.rotated', 'key', '01a22dca-7fa6-7608-a3ae-e5bf27df9d6a', '127.0.0.1', '01a22dca7fb1714b964e73532f2881d1', '{"overlap_seconds":604800,"end_overlap":false}', '\xc1158d91d587bdb6375bc283162f6874e4d5828e76bcb2ecaf3d55805e859687');
INSERT INTO public.audit VALUES (18, '2026-11-30 18:49:35.442316+00', 'default', 'master', NULL, 'http', 'master.used', 'tenant', 'default', '127.0.0.1', '01a22dca7fd27c1d9e99cb47997b147c', '{"method":"POST","route":"/v1/tenants"}', '\x4a656951033a9d583e2ddebc2d6c5b30484780e73d74df7c70dd1ddbdbdbec5c');
INSERT INTO public.audit VALUES (19, '2026-11-30 18:49:35.451126+00', 'acme', 'master', NULL, 'http', 'tenant.created', 'tenant', 'acme', '127.0.0.1', '01a22dca7fd27c1d9e99cb47997b147c', '{"name":"Acme"}', '\x9fefd6d644845a96e7d399a3f659a36b3d984c6a8fb833e6a1ea58b904a0c2cf');
INSERT INTO public.audit VALUES (20, '2026-11-30 18:49:35.460641+00', 'default', 'master', NULL, 'http', 'master.used', 'tenant', 'default', '127.0.0.1', '01a22dca7fe474be9ea6effa8d49171b', '{"method":"POST","route":"/auth/keys"}', '\x882a624f27da4aa4ee2662513f63dca397d42868d9c562d9671d161fe9781602');
INSERT INTO public.audit VALUES (21, '2026-11-30 18:49:35.467278+00', 'acme', 'master', NULL, 'http', 'key.created', 'key', '01a22dca-7feb-7024-a71c-939bf4cb2e73', '127.0.0.1', '01a22dca7fe474be9ea6effa8d49171b', '{"name":"of acme","scopes":["jobs:read","jobs:write","worker"],"rate_limit":null}', '\x2b3dfec8745a368c25309481b581507c47a035451257e07bd0c848bf4261fdf3');
INSERT INTO public.audit VALUES (22, '2026-11-30 18:49:35.484874+00', 'default', 'key', '01a22dca-7f41-7273-953d-78ba2108a5db', 'http', 'key.created', 'key', '01a22dca-7ffc-7561-a815-1562356a1759', '127.0.0.1', '01a22dca7ff672389a378f7ab2e222cf', '{"name":"by admin","scopes":["jobs:read","jobs:write","realtime"],"rate_limit":null}', '\xb61096d5cf4399a0db62178792f56e1d163a24237cd0b0a55dba83b0e3934507');
INSERT INTO public.audit VALUES (23, '2026-11-30 18:49:35.543287+00', 'default', 'master', NULL, 'http', 'master.used', 'tenant', 'default', '127.0.0.1', '01a22dca803770788ef32f33d00a44ae', '{"method":"POST","route":"/v1/webhooks"}', '\x732f90702e2ff88ff08ddda2ea25dba8d283d6e84cdd4482d7404bd0b943be2d');
INSERT INTO public.audit VALUES (24, '2026-11-30 18:49:35.547236+00', 'default', 'master', NULL, 'http', 'webhook.created', 'webhook', 'wh_01a22dca803b78fc91ecb42865e92a96', '127.0.0.1', '01a22dca803770788ef32f33d00a44ae', '{"host":"example.com","events":[]}', '\x7d801c92a72a8868dde97d954a68cdcf454c3e4dd75410b11c38e09ceddf9668');
INSERT INTO public.audit VALUES (25, '2026-11-30 18:49:35.556413+00', 'default', 'master', NULL, 'http', 'master.used', 'tenant', 'default', '127.0.0.1', '01a22dca80447e2b86762061084dcc14', '{"method":"POST","route":"/v1/webhooks"}', '\x98860404b9a12eabe855b0089efb33cb95cc0cf49c9d9ff8a4e1d0e775c830a4');
INSERT INTO public.audit VALUES (26, '2026-11-30 18:49:35.558688+00', 'default', 'master', NULL, 'http', 'webhook.created', 'webhook', 'wh_01a22dca8046759bb8c8e0f1441b6f4a', '127.0.0.1', '01a22dca80447e2b86762061084dcc14', '{"host":"example.com","events":["transcription.failed"]}', '\x5827fdca5a66603c74f7c2dc74b5e75f8e827ddeb5225064f321b9592e4c9b13');
INSERT INTO public.audit VALUES (27, '2026-11-30 18:49:35.57287+00', 'default', 'master', NULL, 'http', 'master.used', 'tenant', 'default', '127.0.0.1', '01a22dca80547cfa93d5a31f453a7829', '{"method":"PATCH","route":"/v1/webhooks/{webhook_id}"}', '\xdbabc1111301604cfc1ea4b8a9b73e0b7eacc66c1da08c4bf77691865d56492e');
INSERT INTO public.audit VALUES (28, '2026-11-30 18:49:35.57918+00', 'default', 'master', NULL, 'http', 'webhook.updated', 'webhook', 'wh_01a22dca8046759bb8c8e0f1441b6f4a', '127.0.0.1', '01a22dca80547cfa93d5a31f453a7829', '{"enabled":false}', '\x7d16a9286f76a7796e446260e2173153def8b449b0c2dbcb68203f397c5a1a6f');
INSERT INTO public.audit VALUES (29, '2026-11-30 18:49:35.597482+00', 'default', 'master', NULL, 'http', 'master.used', 'tenant', 'default', '127.0.0.1', '01a22dca806d77308d40da3fe77b9632', '{"method":"PUT","route":"/auth/keys/{key_id}/quota"}', '\x02a30e04ee1b0ad2f722e2a196474e4eff794d2e46b3f5e787d923d4ef0a69bf');
INSERT INTO public.audit VALUES (30, '2026-11-30 18:49:35.604363+00', 'default', 'master', NULL, 'http', 'quota.changed', 'key', '01a22dca-7f2f-7158-af8c-1b0def5447b2', '127.0.0.1', '01a22dca806d77308d40da3fe77b9632', '{"seconds_per_day":3600,"concurrent_jobs":5,"concurrent_streams":null}', '\x25450a759373d8355085b4070bca66c5e511b5edd3bd2a3877c214a6f26769cf');
INSERT INTO public.audit VALUES (31, '2026-11-30 18:49:35.623207+00', 'default', 'master', NULL, 'http', 'master.used', 'tenant', 'default', '127.0.0.1', '01a22dca80877675b34e8d1cd340b8ba', '{"method":"PUT","route":"/v1/tenants/{tenant_id}/quota"}', '\x0a998b00b2d8690f048416d3331f6ed8414e6294d02831f91183e0ffac137d7a');
INSERT INTO public.audit VALUES (32, '2026-11-30 18:49:35.631171+00', 'acme', 'master', NULL, 'http', 'quota.changed', 'tenant', 'acme', '127.0.0.1', '01a22dca80877675b34e8d1cd340b8ba', '{"seconds_per_day":7200,"concurrent_jobs":null,"concurrent_streams":9}', '\x602953a6bd71475778924608cefd81d28d72c8284007aa304f18bdc4118c85c9');
INSERT INTO public.audit VALUES (33, '2026-11-30 18:49:35.647349+00', 'default', 'master', NULL, 'http', 'master.used', 'tenant', 'default', '127.0.0.1', '01a22dca809f75f789fee529728d8bb0', '{"method":"PATCH","route":"/v1/tenants/{tenant_id}"}', '\xe12ba40b6b6bc1635412a6cc3bdf18ac0f8060eb03ab12421c47e73f578f2c83');
INSERT INTO public.audit VALUES (38, '2026-11-30 18:49:35.774421+00', 'default', 'gateway', NULL, 'gateway', 'job.completed', 'job', 'job_01a22dca80bc7e0bb3c1c0d69940b660', NULL, NULL, '{}', '\xc867dcc3b9899797d105bd6138d762347a2954da81da4143752f8c0b8d16376a');
INSERT INTO public.audit VALUES (34, '2026-11-30 18:49:35.655201+00', 'acme', 'master', NULL, 'http', 'retention.changed', 'tenant', 'acme', '127.0.0.1', '01a22dca809f75f789fee529728d8bb0', '{"retention_days":7}', '\x6de69cf696b08eebc08a5ac7c2a166a32e11b4f4162c95f8b3527e8a3db82277');
INSERT INTO public.audit VALUES (36, '2026-11-30 18:49:35.730725+00', 'acme', 'key', '01a22dca-7feb-7024-a71c-939bf4cb2e73', 'http', 'job.created', 'job', 'job_01a22dca80e37940be2a94bfd9d3ce26', '127.0.0.1', '01a22dca80e17291b0e365111bd118eb', '{"size_bytes":3639,"format":"flac"}', '\x84a7522e2895412453b2e92df2991fb90dde98537bc4128689569eb82166d3a5');
INSERT INTO public.audit VALUES (35, '2026-11-30 18:49:35.695501+00', 'default', 'key', '01a22dca-7f2f-7158-af8c-1b0def5447b2', 'http', 'job.created', 'job', 'job_01a22dca80bc7e0bb3c1c0d69940b660', '127.0.0.1', '01a22dca80b774b3b21c4654d7c2eef1', '{"size_bytes":3639,"format":"flac"}', '\x7f2d24233df9eb7114c2ae59b9be8356eeb0a607f869c733ae6bbff97db0a18c');
INSERT INTO public.audit VALUES (37, '2026-11-30 18:49:35.767035+00', 'default', 'master', NULL, 'http', 'master.used', 'tenant', 'default', '127.0.0.1', '01a22dca81167d8cbb696d3353709119', '{"method":"GET","route":"/v1/audio/transcriptions/{job_id}"}', '\xdd660f29ebc082246f8a26f0669b113f4b0bc87096d49407c92bab00074c7cf1');
INSERT INTO public.audit VALUES (39, '2026-11-30 18:49:35.78738+00', 'acme', 'master', NULL, 'http', 'master.used', 'tenant', 'acme', '127.0.0.1', '01a22dca812b71638287430717cbd9b0', '{"method":"GET","route":"/v1/audio/transcriptions/{job_id}"}', '\x37d395293cacd7daceb20bbbafc60e64383260ffca6e933727b1dd081073dcf6');
INSERT INTO public.audit VALUES (40, '2026-11-30 18:49:35.86274+00', 'acme', 'gateway', NULL, 'gateway', 'job.completed', 'job', 'job_01a22dca80e37940be2a94bfd9d3ce26', NULL, NULL, '{}', '\x16b9a542d1c5a82e0c5ac1063bc634f858b0462b8adba177993f13208a62cfd7');
INSERT INTO public.audit VALUES (41, '2026-11-30 18:49:35.918998+00', 'default', 'master', NULL, 'http', 'master.used', 'tenant', 'default', '127.0.0.1', '01a22dca81ae77069ee292150e65a83b', '{"method":"GET","route":"/v1/audio/transcriptions/{job_id}"}', '\xa97d6e09e72191e08d00b3d5bb8655d9239e42b3c9401f00f1f52c71e2f94d55');
INSERT INTO public.audit VALUES (42, '2026-11-30 18:49:35.928811+00', 'acme', 'master', NULL, 'http', 'master.used', 'tenant', 'acme', '127.0.0.1', '01a22dca81b87e6ba93e12c089b70ea6', '{"method":"GET","route":"/v1/audio/transcriptions/{job_id}"}', '\x33e1380ebb51196ec160079792935284ebc36c0f4271439f146f11ded5ca8e00');
INSERT INTO public.claims VALUES ('default/master/keys.create', '200651a8b2d5912f692db89468a7d47d86a3ed6844f48f1b15f2be1d9c9a7e5e', '\x666baa3af8b4001ceea592784e71ea052598ba7b9d4a045edeab16c94df2b3d2', '01a22dca-7fa6-7608-a3ae-e5bf27df9d6a', '2026-12-01 18:49:35.398552+00');
INSERT INTO public.deliveries VALUES ('30baaa54-c9de-89c7-b8ad-2be741363a5a', '01a22dca-803b-78fc-91ec-b42865e92a96', 'transcription.completed', '{"type":"transcription.completed","timestamp":"2026-11-30T18:49:35.774421Z","data":{"transcription_id":"job_01a22dca80bc7e0bb3c1c0d69940b660","tenant_id":"default","status":"completed","duration_seconds":0.5,"error":null,"metadata":{"a":1}}}', '2026-11-30 18:49:35.774421+00', 'pending', 1, '2026-11-30 18:50:05.810708+00', '2026-11-30 18:49:35.810708+00', NULL, 'no connection, or it broke');
INSERT INTO public.jobs VALUES ('01a22dca-80bc-7e0b-b3c1-c0d69940b660', 'default', 'completed', 'tone.flac', 'audio/flac', 3639, '{"format":"flac","duration_seconds":0.5,"sample_rate":16000,"channels":1}', 'm1', 'en', '{"a":1}', '2026-11-30 18:49:35.695501+00', '01a22dca-7f2f-7158-af8c-1b0def5447b2', '2026-11-30 18:49:35.720085+00', '2026-11-30 18:49:35.774421+00', NULL, '{"engine":"vad","model":null,"language":null,"duration":0.5,"speech_duration":0.0,"segments":0,"words":0,"note":"No transcription engine is configured: the segments tell where speech is, their text is empty. For text set DALSTON_ENGINE_URL or DALSTON_ENGINE_COMMAND.","fence":1}', '{}', 1000, '2026-11-30 18:49:35.777592+00', 1, NULL, 500, 0);
INSERT INTO public.jobs VALUES ('01a22dca-80e3-7940-be2a-94bfd9d3ce26', 'acme', 'completed', 'tone.flac', 'audio/flac', 3639, '{"format":"flac","duration_seconds":0.5,"sample_rate":16000,"channels":1}', NULL, NULL, '{}', '2026-11-30 18:49:35.730725+00', '01a22dca-7feb-7024-a71c-939bf4cb2e73', '2026-11-30 18:49:35.777713+00', '2026-11-30 18:49:35.86274+00', NULL, '{"engine":"vad","model":null,"language":null,"duration":0.5,"speech_duration":0.0,"segments":0,"words":0,"note":"No transcription engine is configured: the segments tell where speech is, their text is empty. For text set DALSTON_ENGINE_URL or DALSTON_ENGINE_COMMAND.","fence":1}', '{}', 1000, '2026-11-30 18:49:35.86515+00', 1, NULL, 500, 0);
INSERT INTO public.key_secrets VALUES ('\xf46151cf738e943a7c75e473ed03ae2ded0633ee31357bc9c16fa1eb9d92c06a', '01a22dca-7d2a-7ef8-9054-caedfa717741', NULL);
INSERT INTO public.key_secrets VALUES ('\x0f3210037e6c87147098aec5d1a2c264916ac80a3634284f41ba5c5b96b74952', '01a22dca-7f2f-7158-af8c-1b0def5447b2', NULL);
INSERT INTO public.key_secrets VALUES ('\x24f052b57f275282867f365fa20725b82390588b4980cd359a6009a815a10f88', '01a22dca-7f41-7273-953d-78ba2108a5db', NULL);
INSERT INTO public.key_secrets VALUES ('\x938215b9ab8a32b476447e6b041b2a36c7cd2daebb4ef6e5db069d9a549955aa', '01a22dca-7f52-7157-ab0c-999f4782c7bd', NULL);
INSERT INTO public.key_secrets VALUES ('\xe9415c2e1880890ef8ecf9693215e00edd5ae864ed7ba060f23e4b475a3adbba', '01a22dca-7f77-7a32-b3f2-e30883a93af4', NULL);
INSERT INTO public.key_secrets VALUES ('\x8691c6db3a5034548fc6c01f879a2bab81ded2bf522742dfd4b3bd85fd2dd6c0', '01a22dca-7fa6-7608-a3ae-e5bf27df9d6a', '2026-12-07 18:49:35.428187+00');
INSERT INTO public.key_secrets VALUES ('\x817a20fe8f257ff222e40de120ea0fc4bcb9bb6b28a47ec7b638c20209a0da98', '01a22dca-7fa6-7608-a3ae-e5bf27df9d6a', NULL);
INSERT INTO public.key_secrets VALUES ('\x85f494a6aa5384fe1a6a9b35b850f811af6e19bb7b46719fd8f5610860b85cf7', '01a22dca-7feb-7024-a71c-939bf4cb2e73', NULL);
INSERT INTO public.key_secrets VALUES ('\x67ff454393f6df733dffe77c9d26500eeb30775ae1222c29275c88290402bab7', '01a22dca-7ffc-7561-a815-1562356a1759', NULL);
INSERT INTO public.key_usage VALUES ('01a22dca-7f2f-7158-af8c-1b0def5447b2', 4, 0, 1, '2026-11-30 18:49:35.67451+00', '127.0.0.1', DEFAULT);
INSERT INTO public.key_usage VALUES ('01a22dca-7f41-7273-953d-78ba2108a5db', 1, 0, 0, '2026-11-30 18:49:35.484183+00', '127.0.0.1', DEFAULT);
INSERT INTO public.key_usage VALUES ('01a22dca-7feb-7024-a71c-939bf4cb2e73', 3, 0, 0, '2026-11-30 18:49:35.713375+00', '127.0.0.1', DEFAULT);
INSERT INTO public.key_usage_days VALUES ('01a22dca-7f2f-7158-af8c-1b0def5447b2', 20787, 4);
INSERT INTO public.key_usage_days VALUES ('01a22dca-7f41-7273-953d-78ba2108a5db', 20787, 1);
INSERT INTO public.key_usage_days VALUES ('01a22dca-7feb-7024-a71c-939bf4cb2e73', 20787, 3);
INSERT INTO public.keys VALUES ('01a22dca-7d2a-7ef8-9054-caedfa717741', 'default', 'dk_FPNAw55', 'Admin', NULL, 'admin', NULL, true, '2026-11-30 18:49:34.762587+00', 'gateway', NULL, NULL, '{}', true, 1);
INSERT INTO public.keys VALUES ('01a22dca-7f2f-7158-af8c-1b0def5447b2', 'default', 'dk_ZEMYtLM', 'full', 'All that a key may have: «ключ» "q"
second line', 'jobs:read,jobs:write,realtime,webhooks,nudge', 600, true, '2026-11-30 18:49:35.279691+00', 'master', '2036-06-03 00:09:35.279691+00', NULL, '{"big":18446744073709551615,"list":[],"object":{},"text":"''q\"uote\\ 🎉","deep":[[1,{"a":[[]]}]],"f":0.1}', false, 3);
INSERT INTO public.keys VALUES ('01a22dca-7f41-7273-953d-78ba2108a5db', 'default', 'dk_fzfDPXg', 'admin', NULL, 'admin', NULL, true, '2026-11-30 18:49:35.297706+00', 'master', NULL, NULL, '{}', true, 5);
INSERT INTO public.keys VALUES ('01a22dca-7f52-7157-ab0c-999f4782c7bd', 'default', 'dk_Vc8YZS6', 'revoked', NULL, 'jobs:read,jobs:write,realtime', NULL, true, '2026-11-30 18:49:35.314917+00', 'master', NULL, '2026-11-30 18:49:35.330915+00', '{}', false, 9);
INSERT INTO public.keys VALUES ('01a22dca-7f77-7a32-b3f2-e30883a93af4', 'default', 'dk_jWwDI23', 'disabled', NULL, 'jobs:read,jobs:write,realtime', NULL, false, '2026-11-30 18:49:35.35107+00', 'master', NULL, NULL, '{}', false, 13);
INSERT INTO public.keys VALUES ('01a22dca-7fa6-7608-a3ae-e5bf27df9d6a', 'default', 'dk_OBpR0no', 'rotated', NULL, 'jobs:read,jobs:write,realtime', NULL, true, '2026-11-30 18:49:35.398552+00', 'master', NULL, NULL, '{}', false, 17);
INSERT INTO public.keys VALUES ('01a22dca-7feb-7024-a71c-939bf4cb2e73', 'acme', 'dk_LQe8oha', 'of acme', NULL, 'jobs:read,jobs:write,worker', NULL, true, '2026-11-30 18:49:35.467278+00', 'master', NULL, NULL, '{}', false, 21);
INSERT INTO public.keys VALUES ('01a22dca-7ffc-7561-a815-1562356a1759', 'default', 'dk_JSUcKqw', 'by admin', NULL, 'jobs:read,jobs:write,realtime', NULL, true, '2026-11-30 18:49:35.484874+00', '01a22dca-7f41-7273-953d-78ba2108a5db', NULL, NULL, '{}', false, 22);
INSERT INTO public.limit_windows VALUES ('01a22dca-7f2f-7158-af8c-1b0def5447b2', '{7184258302}', '{5}', 498906, 7184258302, '{}', '{}', '{}', '{}', '{}', '{}', '{}');
INSERT INTO public.meta VALUES ('slot', 0);
INSERT INTO public.meta VALUES ('outbox', 0);
INSERT INTO public.meta VALUES ('turn', 2);
INSERT INTO public.meta VALUES ('seq', 42);
INSERT INTO public.meter VALUES ('default', '01a22dca-7f2f-7158-af8c-1b0def5447b2', 20787, 500, 0);
INSERT INTO public.meter VALUES ('default', '00000000-0000-0000-0000-000000000000', 20787, 500, 0);
INSERT INTO public.meter VALUES ('acme', '01a22dca-7feb-7024-a71c-939bf4cb2e73', 20787, 500, 0);
INSERT INTO public.meter VALUES ('acme', '00000000-0000-0000-0000-000000000000', 20787, 500, 0);
INSERT INTO public.notes VALUES ('\x706570706572', '\x6e6f6e65', '2127-02-14 18:49:34.757468+00');
INSERT INTO public.quotas VALUES ('default', '01a22dca-7f2f-7158-af8c-1b0def5447b2', 3600, 5, NULL);
INSERT INTO public.quotas VALUES ('acme', '00000000-0000-0000-0000-000000000000', 7200, NULL, 9);
INSERT INTO public.tenants VALUES ('default', NULL, '2026-11-30 18:49:34.738436+00', NULL);
INSERT INTO public.tenants VALUES ('acme', 'Acme', '2026-11-30 18:49:35.451126+00', 7);
INSERT INTO public.turns VALUES ('default', 1);
INSERT INTO public.turns VALUES ('acme', 2);
INSERT INTO public.usage_steps VALUES ('01a22dca-7d16-70a0-bd81-5b902c65a067', 1, 3, '2026-11-30 18:49:35.909957+00');
INSERT INTO public.webhooks VALUES ('01a22dca-803b-78fc-91ec-b42865e92a96', 'default', 'https://example.com/hook', 'one', '{}', true, NULL, '2026-11-30 18:49:35.547236+00', 'master', NULL, 0, 'whsec_WPH8RCnaQ9OLKYoeV1/DgpQU3ADoEztgVnHE+GqFJ8U=', NULL, NULL);
INSERT INTO public.webhooks VALUES ('01a22dca-8046-759b-b8c8-e0f1441b6f4a', 'default', 'https://example.com/off', NULL, '{transcription.failed}', false, NULL, '2026-11-30 18:49:35.558688+00', 'master', NULL, 0, 'whsec_PbSpTLXFd1qDdCr6gOGZ3eLVqxuoRCvuiZcHGbobGIs=', NULL, NULL);
ALTER TABLE ONLY public._sqlx_migrations
    ADD CONSTRAINT _sqlx_migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (seq);
ALTER TABLE ONLY public.claims
    ADD CONSTRAINT claims_pkey PRIMARY KEY (scope, key);
ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.key_secrets
    ADD CONSTRAINT key_secrets_pkey PRIMARY KEY (digest);
ALTER TABLE ONLY public.key_usage_days
    ADD CONSTRAINT key_usage_days_pkey PRIMARY KEY (key_id, day);
ALTER TABLE ONLY public.key_usage
    ADD CONSTRAINT key_usage_pkey PRIMARY KEY (key_id);
ALTER TABLE ONLY public.keys
    ADD CONSTRAINT keys_changed_key UNIQUE (changed);
ALTER TABLE ONLY public.keys
    ADD CONSTRAINT keys_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.limit_nodes
    ADD CONSTRAINT limit_nodes_pkey PRIMARY KEY (node_id);
ALTER TABLE ONLY public.limit_windows
    ADD CONSTRAINT limit_windows_pkey PRIMARY KEY (key_id);
ALTER TABLE ONLY public.meta
    ADD CONSTRAINT meta_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.meter
    ADD CONSTRAINT meter_pkey PRIMARY KEY (tenant_id, key_id, day);
ALTER TABLE ONLY public.notes
    ADD CONSTRAINT notes_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.quotas
    ADD CONSTRAINT quotas_pkey PRIMARY KEY (tenant_id, key_id);
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.tenants
    ADD CONSTRAINT tenants_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.turns
    ADD CONSTRAINT turns_pkey PRIMARY KEY (tenant_id);
ALTER TABLE ONLY public.usage_steps
    ADD CONSTRAINT usage_steps_pkey PRIMARY KEY (node);
ALTER TABLE ONLY public.webhooks
    ADD CONSTRAINT webhooks_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.workers
    ADD CONSTRAINT workers_pkey PRIMARY KEY (id);
CREATE INDEX audit_by_action ON public.audit USING btree (action DESC, seq DESC);
CREATE INDEX audit_by_actor ON public.audit USING btree (actor_kind DESC, COALESCE(actor_id, ''::text) DESC, seq DESC);
CREATE INDEX audit_of_tenant ON public.audit USING btree (tenant_id DESC, seq DESC);
CREATE INDEX audit_of_tenant_by_action ON public.audit USING btree (tenant_id DESC, action DESC, seq DESC);
CREATE INDEX audit_of_tenant_by_actor ON public.audit USING btree (tenant_id DESC, actor_kind DESC, COALESCE(actor_id, ''::text) DESC, seq DESC);
CREATE INDEX claims_end ON public.claims USING btree (expires_at);
CREATE INDEX deliveries_due ON public.deliveries USING btree (webhook_id, next_at, id) WHERE (next_at IS NOT NULL);
CREATE INDEX deliveries_ended ON public.deliveries USING btree (created_at) WHERE (status <> 'pending'::text);
CREATE INDEX deliveries_newest ON public.deliveries USING btree (webhook_id, created_at DESC, id DESC);
CREATE INDEX jobs_ended ON public.jobs USING btree (tenant_id, completed_at, id) WHERE (completed_at IS NOT NULL);
CREATE INDEX jobs_leased ON public.jobs USING btree (lease_ends) WHERE (lease_ends IS NOT NULL);
CREATE INDEX jobs_newest ON public.jobs USING btree (tenant_id, created_at DESC, id DESC);
CREATE INDEX jobs_newest_of_status ON public.jobs USING btree (tenant_id, status, created_at DESC, id DESC);
CREATE INDEX jobs_open_by_maker ON public.jobs USING btree (created_by, created_at, id) WHERE (status = ANY (ARRAY['pending'::text, 'running'::text, 'cancelling'::text]));
CREATE INDEX jobs_pending ON public.jobs USING btree (tenant_id, created_at, id, due_at) WHERE (status = 'pending'::text);
CREATE INDEX key_secrets_key ON public.key_secrets USING btree (key_id);
CREATE INDEX key_usage_hour ON public.key_usage USING btree (used_hour);
CREATE INDEX keys_admin ON public.keys USING btree (tenant_id) WHERE (manages AND (revoked_at IS NULL));
CREATE INDEX keys_newest ON public.keys USING btree (tenant_id, created_at DESC, id DESC);
CREATE INDEX keys_open ON public.keys USING btree (tenant_id, expires_at, created_at, id) WHERE ((revoked_at IS NULL) AND enabled);
CREATE INDEX keys_revoked ON public.keys USING btree (tenant_id) WHERE (revoked_at IS NOT NULL);
CREATE INDEX keys_unrevoked ON public.keys USING btree (tenant_id, created_at DESC, id DESC) WHERE (revoked_at IS NULL);
CREATE INDEX limit_windows_hour ON public.limit_windows USING btree (hour);
CREATE INDEX notes_end ON public.notes USING btree (lapses_at);
CREATE INDEX sessions_end ON public.sessions USING btree (lapses_at);
CREATE INDEX sessions_of_tenant ON public.sessions USING btree (tenant_id, key_id);
CREATE INDEX sessions_of_worker ON public.sessions USING btree (worker_id) WHERE (worker_id IS NOT NULL);
CREATE INDEX tenants_newest ON public.tenants USING btree (created_at DESC, id DESC);
CREATE INDEX usage_steps_by_age ON public.usage_steps USING btree (at);
CREATE INDEX webhooks_newest ON public.webhooks USING btree (tenant_id, created_at DESC, id DESC);
CREATE INDEX workers_end ON public.workers USING btree (lapses_at);
CREATE TRIGGER keys_told AFTER INSERT OR UPDATE OF changed ON public.keys FOR EACH STATEMENT EXECUTE FUNCTION public.tell_of_keys();
ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_webhook_id_fkey FOREIGN KEY (webhook_id) REFERENCES public.webhooks(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT jobs_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);
ALTER TABLE ONLY public.key_secrets
    ADD CONSTRAINT key_secrets_key_id_fkey FOREIGN KEY (key_id) REFERENCES public.keys(id);
ALTER TABLE ONLY public.keys
    ADD CONSTRAINT keys_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);
ALTER TABLE ONLY public.quotas
    ADD CONSTRAINT quotas_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);
ALTER TABLE ONLY public.webhooks
    ADD CONSTRAINT webhooks_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);
