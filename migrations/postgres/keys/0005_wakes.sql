-- Each change of a key tells whoever listens, when it commits: also one by an older version of the program. Changes
-- stand in line already, so the line at the server's queue of messages costs nothing more.
CREATE FUNCTION tell_of_keys() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('dalston_keys', '');
    RETURN NULL;
END
$$;
CREATE TRIGGER keys_told AFTER INSERT OR UPDATE OF changed ON keys FOR EACH STATEMENT EXECUTE FUNCTION tell_of_keys();
